"""What the reports of a month say: rows of the database in, a `Report` out; pure.

company            of a company, for itself
system             the whole system, for those who operate it
engineer_activity  statuses and deeds of engineers, for those who operate it
revenue            what was billed and given back, for those who operate it
"""
