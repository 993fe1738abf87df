"""The invoices of a month, from the facts to what is issued, and what people do with them.

monthly     the run of a month, and what it would change
drafting    what each contract comes to now
issuing     numbers, prints, files, mails
"""
