"""What one machine lacks: embedded PostgreSQL, AWS and prices, the platform's processes beside them, their care.

Imported by the command line alone. Production's environment names real services; it installs without this.

    home, processes, programs     files and locks, process identities, the keeper that restarts what dies
    tools, postgres, aws, prices  what is started, and the pinned tools for it
    price_server/                 the server of prices itself
    state, daemon                 the detached supervisor and the file in which it says what it knows
    environment, services         the variables of the services; starting, asking and stopping them
    up, dagster_processes         code server, daemon and web, in the foreground
    provision, template, buckets, tables, clients     deploy/aws.yaml applied to the local endpoints
    doctor, cli                   what runs where, what is wrong, and the commands
"""
