"""The reports of months.

monthly     the run of a month: every report made, stored and mailed
sources     what a report says, read of the database
notices     reports by mail
reading     reports as people look for them
"""
