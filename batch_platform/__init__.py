"""batch_platform: the batch work of a fintech as Dagster assets, with an API, a console and a CLI.

Domains (they never import each other; they meet through asset keys and tables)
    finops      AWS cost and usage reports in, exact cost tables out
    zengin      releases of the bank master in; what people approved of them is applied
    btc         one rate over every balance: planned, sealed, applied, proved

Layers of a domain, each importing only what stands below it
    definitions                              what Dagster sees of the domain
    assets  checks  automation  jobs         thin: they call the service
    api  pages  cli
    service                                  one function per use case
    the pure modules                         named after what they compute; no I/O, no clock, no Dagster
    store                                    every read and write; SQL in named files
    model                                    frozen values and states

Around the domains
    core        what every domain may use and that knows none of them
    resources   Dagster adapters that hand out plain clients
    settings    the only reader of the environment
    web         login, the API's and the console's tools, the Dagster UI behind the login; knows no domain
    operations  runs as users see them: job registry, ledger, dead letters, deadlines, alerts, metrics
    local       embedded services of one machine; imported by cli alone
    migrations  the tables
    definitions, registry, server
                where the domains meet: for Dagster, for operations, for the web
"""
