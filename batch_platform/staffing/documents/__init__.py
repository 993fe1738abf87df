"""The documents of staffing: a frozen value in, the bytes of a PDF and their sha256 out. No database, no clock.

`bill` makes invoices and credit notes, with the XML of `pint` attached; `report` makes reports; `pictures` shows
pages.
"""
