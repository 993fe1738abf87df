"""Numbers of documents, taken by those that were printed under them; who holds a counter holds it to its commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from batch_platform.staffing import bills
from batch_platform.staffing.document_numbers import document_number
from batch_platform.staffing.documents import bill as printing
from batch_platform.staffing.documents.model import Bill, Rendered
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.issuing import Series
from batch_platform.staffing.store.originals import Original, Originals
from batch_platform.staffing.store.statements import Row


@dataclass(frozen=True)
class Printed:
    """A document under the number that it takes. `row` has its id, and the address of its company."""

    row: Row
    sequence: int
    bill: Bill
    rendered: Rendered


@dataclass(frozen=True)
class Issue:
    """A printed document, and where its file lies."""

    printed: Printed
    original: Original

    @property
    def columns(self) -> Row:
        """What the row of the document has from now on."""
        return {
            "id": self.printed.row["id"],
            "number_sequence": self.printed.sequence,
            "number": self.printed.bill.number,
            "pdf_sha256": self.printed.rendered.sha256,
            "object_key": self.original.key,
            "object_version": self.original.version,
            "mailed_to": self.printed.row["email"] or None,
        }


@dataclass
class Numbers:
    """Series whose counters are held, with their last numbers so far."""

    session: Session
    last: dict[Series, int] = field(default_factory=dict)

    def hold(self, series: Sequence[Series]) -> None:
        """In one order, so that two who hold several never wait for each other."""
        for each in sorted(set(series)):
            self.last[each] = self.session.hold_counter(each)

    def next(self, series: Series) -> int:
        """The number after the last; it is taken by `take`."""
        return self.last[series] + 1

    def take(self, series: Series) -> None:
        """Whoever asked for the next has it."""
        self.last[series] += 1

    def write(self) -> None:
        """Raise the counters to what was taken."""
        for series, last in self.last.items():
            if last:
                self.session.raise_counter(series, last)


def series_of(row: Row) -> Series:
    """The series that a document's number is of."""
    return Series(row["issuer"], row["kind"], row["issue_date"].year)


def numbered(row: Row, numbers: Numbers) -> Printed:
    """The document printed under the next number, which it takes. Raises `InvalidInput`, and takes none."""
    series = series_of(row)
    sequence = numbers.next(series)
    bill = bills.read(row["document"], document_number(row["number_prefix"], row["issue_date"], sequence))
    rendered = printing.render(bill)
    numbers.take(series)
    return Printed(row, sequence, bill, rendered)


def stored(originals: Originals, printed: Printed) -> Issue:
    """The document once its file is in S3."""
    original = originals.put(printed.rendered.pdf, printed.rendered.sha256)
    return Issue(printed, original)
