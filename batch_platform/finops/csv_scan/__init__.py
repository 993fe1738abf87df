"""The columns that a cost needs of a CSV file as text, without polars splitting its rows; README.md says how.

reader        the one way in: the scanner, and Python's csv where it gives up
scanner       rows that are plain, by the WebAssembly of scanner.wat
records       any row, record by record, and what is wrong with one
string_views  columns that stand in memory already, handed over to polars
"""

from batch_platform.finops.csv_scan.reader import scan_columns

__all__ = ["scan_columns"]
