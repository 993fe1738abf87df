"""Banks and branches: as they are, as they were on a business date, and searched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import polars as pl

from batch_platform.zengin import kana
from batch_platform.zengin.model import BANK_SCHEMA, BRANCH_SCHEMA
from batch_platform.zengin.store.statements import ZenginStatements

_FOLDED: Final = ("name", "kana", "roma")


class Master(ZenginStatements):
    """`banks`, `branches` and their histories. Read both tables of one moment by `ZenginStore.snapshot`."""

    def current_master(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Frames of `BANK_SCHEMA` and `BRANCH_SCHEMA`, sorted by key; a NULL reads as empty text."""
        return self._frame("banks_now", BANK_SCHEMA), self._frame("branches_now", BRANCH_SCHEMA)

    def master_as_of(self, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The master as it stood at the end of a business date."""
        return (
            self._frame("banks_then", BANK_SCHEMA, as_of=day),
            self._frame("branches_then", BRANCH_SCHEMA, as_of=day),
        )

    def sizes(self) -> dict[str, int]:
        """`banks`, `branches`, and `orphans`: branches without a bank, which there cannot be."""
        [row] = self._rows("sizes")
        return row

    def banks_page(
        self, text: str = "", *, as_of: date | None = None, after: str | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """Banks (now, or on a day) by code or by any name they ever had, in order of code.

        `after` is the last page's last code. `matched` is the old name where the present one does not match.
        """
        return self._rows("banks_page", terms=terms(text), as_of=as_of, after=after, limit=limit)

    def branches_page(
        self, bank_code: str, text: str = "", *, as_of: date | None = None, after: str | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """The branches of a bank, as `banks_page`."""
        return self._rows(
            "branches_page", bank_code=bank_code, terms=terms(text), as_of=as_of, after=after, limit=limit
        )

    def search(
        self, text: str, *, as_of: date | None = None, after: Mapping[str, Any] | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """Banks and branches by every name they have or had; those that stand come first.

        Every word must occur, in the branch or in its bank: "みずほ 本店". A bank's `branch_code` is empty.
        `after` is the last page's last row.
        """
        place = {
            "after_gone": None if after is None else after["valid_to"] is not None,
            "after_bank": after and after["bank_code"],
            "after_branch": after and after["branch_code"],
            "after_from": after and after["valid_from"],
        }
        return self._rows("search_page", terms=terms(text), as_of=as_of, limit=limit, **place)

    def versions(self, bank_code: str, branch_code: str | None = None) -> list[dict[str, Any]]:
        """Every row a key ever had with its dates, the newest first."""
        if branch_code is None:
            return self._rows("bank_versions", bank_code=bank_code)
        return self._rows("branch_versions", bank_code=bank_code, branch_code=branch_code)

    def mend_search(self) -> int:
        """Fold the names of rows that were edited by hand; how many there were."""
        banks = self._rows("banks_without_search")
        branches = self._rows("branches_without_search")
        if banks:
            codes = [row["bank_code"] for row in banks]
            self._run("set_bank_search", banks=codes, texts=[_folded("bank", row) for row in banks])
        if branches:
            self._run(
                "set_branch_search",
                banks=[row["bank_code"] for row in branches],
                branches=[row["branch_code"] for row in branches],
                texts=[_folded("branch", row) for row in branches],
            )
        return len(banks) + len(branches)


def terms(text: str) -> list[str]:
    """The words of a search, folded as the rows are."""
    folded = (kana.fold(word) for word in text.split())
    return [word for word in folded if word]


def search_text(row: Mapping[str, str]) -> str:
    """What a search looks at, of a row's `name`, `kana` and `roma`."""
    return " ".join(kana.fold(row[value]) for value in _FOLDED)


def search_expr(struct: str) -> pl.Expr:
    """`search_text` of a column of rows; null where there is no row."""
    row = pl.col(struct)
    return pl.concat_str([kana.fold_expr(row.struct.field(value)) for value in _FOLDED], separator=" ")


def _folded(table: str, row: Mapping[str, Any]) -> str:
    return search_text({value: row[f"{table}_{value}"] for value in _FOLDED})
