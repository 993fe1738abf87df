"""What one machine lacks: embedded PostgreSQL and AWS, the Dagster processes beside them, their care.

Imported by the command line alone. Production's environment names real services; it installs without this.

    home, processes, programs   files, process identities, and the keeper that restarts what dies
    tools, postgres, aws        what is started and with which tools
    daemon, services            the detached supervisor, and the client side that starts and asks it
    up                          the Dagster processes in the foreground
    template, provision         deploy/aws.yaml applied to the local endpoints
    doctor, cli                 what runs where, what is wrong, and the commands
"""
