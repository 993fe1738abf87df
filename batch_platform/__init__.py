"""batch_platform: the batch work of a fintech as Dagster assets, with an API, a console and a CLI.

Domains (they never import each other; they meet through asset keys and tables)
    finops      AWS cost and usage reports in, exact cost tables out
    zengin      releases of the bank master in; what people approved of them is applied
    btc         one rate over every balance: planned, sealed, applied, proved
    trading     a paper-trading competition at real prices: facts appended, all else recomputed from them

Layers of a domain, each importing only what stands below it
    domain                                   what it declares to the platform
    dagster/  web/  cli  demo                thin: they call the service; each alone knows its framework
    opening  settings                        how a process opens its context; what it reads of the environment
    service                                  one function per use case
    store                                    every read and write; SQL in named files
    the pure modules                         named after what they compute; no I/O, no clock, no Dagster
    model                                    frozen values and states

Around the domains, from the top; each imports only what stands below it
    cli         every command; alone imports local, the embedded services of one machine
    definitions, server, registry
                the other roots: for Dagster, for the web, for both. They loop over domains and name none
    domains     the one list of domains
    outbox      mail, in-app and SMS notices; declared like a domain, but its service is there for all others
    kit         what a domain declares itself with; knows no domain
    operations  runs as users see them: job registry, ledger, dead letters, deadlines, alerts, metrics, Dagster's UI
    web         login, the API's and the console's tools; knows no domain
    proving     what crash proofs of domains have in common
    resources   Dagster adapters that hand out plain clients
    settings    the only reader of the environment
    migrations  the tables
    core        what everybody may use and that knows none of them
"""
