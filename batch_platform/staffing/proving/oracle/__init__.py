"""What staffing must answer, computed a second time: fractions and whole yen, one dictionary a row.

Imports nothing of what it checks, and shares no rule with it but the words of the specification.

exact          percents as fractions: read, rounded, written
days           days and instants of Tokyo, months, days on which banks work
dates          issue and due dates, next and missed occurrences of periodic approaches
invoice        one contract's month in lines, discounts and tax; credit notes
registration   registration numbers of issuers
usage          what each company used on a day
calc           all of that as `staffing calc` answers it
facts          the lines of a `staffing load` file, each once
status         what each engineer's status is on a day
answers        usage, invoices and approaches due after the file was loaded
checker        an invoice as it was issued: the six items that the law demands, and its sums

Where the specification is silent, the oracle holds:

- Something exists from the instant at which it was made to the one before which it was closed or deleted.
- Of two holds in force, the one that began later counts.
- A `valid_to` is the last day of a rate. A contract's first terms begin on its start or before.
- Items count in the month of their date, whichever of its days the contract covers.
- Segments of a full price each cost the full price.
- An answer without a document says only why; one that waits names the days.
- Occurrences before one that is done are due if they are not done themselves.
- Ids that are whole numbers come by value, before those that are text, by characters.
- Usage counts the newest versions of assignments; where a usage day was loaded, its totals stand.
- Instants are answered in UTC, `YYYY-MM-DDTHH:MM:SSZ`.
"""

from batch_platform.staffing.proving.oracle.answers import approaches_due, billed, issuer_of, used
from batch_platform.staffing.proving.oracle.calc import KINDS, calc
from batch_platform.staffing.proving.oracle.facts import BadLine, World, read
from batch_platform.staffing.proving.oracle.status import statuses

__all__ = ["KINDS", "BadLine", "World", "approaches_due", "billed", "calc", "issuer_of", "read", "statuses", "used"]
