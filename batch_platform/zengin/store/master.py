"""Banks and branches: as they are, as they were on a business date, and searched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import polars as pl
from psycopg import sql

from batch_platform.zengin import kana
from batch_platform.zengin.model import BANK_SCHEMA, BRANCH_SCHEMA, Table
from batch_platform.zengin.store.statements import ZenginStatements

_FOLDED: Final = ("name", "kana", "roma")
_KINDS: Final = frozenset({"銀行", "支店", "ギンコウ", "シテン", "株式会社", "(株)", "カブシキガイシヤ", "(カ)"})
"""Words of a search that a name is found without."""
_UNFOLDED: Final = dict.fromkeys(("bank_code", "branch_code", *_FOLDED), pl.String())


class Master(ZenginStatements):
    """`banks`, `branches` and their histories. Read both tables of one moment by `ZenginStore.snapshot`."""

    def current_master(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Frames of `BANK_SCHEMA` and `BRANCH_SCHEMA`, sorted by key; a NULL reads as empty text."""
        return self._texts("banks_now", BANK_SCHEMA), self._texts("branches_now", BRANCH_SCHEMA)

    def master_as_of(self, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The master as it stood at the end of a business date."""
        return (
            self._texts("banks_then", BANK_SCHEMA, as_of=day),
            self._texts("branches_then", BRANCH_SCHEMA, as_of=day),
        )

    def sizes(self) -> dict[str, int]:
        """`banks`, `branches`, and `orphans`: branches without a bank, which there cannot be."""
        [row] = self._rows("sizes")
        return row

    def banks_page(
        self, text: str = "", *, as_of: date | None = None, after: str | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """Banks (now, or on a day) by code or by any name they ever had, in order of code: those called so first.

        `after` is the last page's last code. `matched` is the old name where the present one does not match.
        """
        return self._rows("banks_page", **_terms(text), as_of=as_of, after=after, limit=limit)

    def branches_page(
        self, bank_code: str, text: str = "", *, as_of: date | None = None, after: str | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """The branches of a bank, as `banks_page`."""
        return self._rows("branches_page", bank_code=bank_code, **_terms(text), as_of=as_of, after=after, limit=limit)

    def search(
        self, text: str, *, as_of: date | None = None, after: Mapping[str, Any] | None = None, limit: int
    ) -> list[dict[str, Any]]:
        """Banks, then branches, by every name they have or had; of each those that stand come first, and of these the
        ones that are called so (not `other`).

        Every word must occur, in the branch or in its bank: "みずほ 本店". A bank's `branch_code` is empty.
        `after` is the last page's last row; of its `valid_to` it only matters whether there is one.
        """
        place = {
            "after_gone": None if after is None else bool(after["valid_to"]),
            "after_bank": after and after["bank_code"],
            "after_branch": after and after["branch_code"],
            "after_from": after and after["valid_from"],
            "after_other": after and after["other"],
        }
        return self._rows("search_page", **_terms(text), as_of=as_of, limit=limit, **place)

    def versions(self, bank_code: str, branch_code: str | None = None) -> list[dict[str, Any]]:
        """Every row a key ever had with its dates, the newest first."""
        if branch_code is None:
            return self._rows("bank_versions", bank_code=bank_code)
        return self._rows("branch_versions", bank_code=bank_code, branch_code=branch_code)

    def former_names(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Every name that keys (`table`, `bank_code`, `branch_code`) ever had, as `table`, `key`, `name`; the newest
        of a key comes last."""
        banks = keys.filter(pl.col("table") == Table.BANKS)
        branches = keys.filter(pl.col("table") == Table.BRANCHES)
        return self._texts(
            "former_names",
            dict.fromkeys(("table", "key", "name"), pl.String()),
            banks=banks.get_column("bank_code").to_list(),
            branch_banks=branches.get_column("bank_code").to_list(),
            branches=branches.get_column("branch_code").to_list(),
        )

    def mend_search(self) -> int:
        """Fold the names of rows that were edited by hand; how many there were."""
        rows = self._frame("rows_without_search", _UNFOLDED)
        if rows.is_empty():
            return 0
        folded = rows.select("bank_code", "branch_code", _search_of(pl.col).alias("search"))
        self._run("create_folded")
        self._copy_temporary("zengin_folded", folded)
        self._run("set_bank_search")
        self._run("set_branch_search")
        self._run("drop_folded")
        return rows.height

    def _texts(self, name: str, schema: Mapping[str, pl.DataType], /, **parameters: Any) -> pl.DataFrame:
        """The frame of a statement whose columns are texts. They come as one row of lists: neither side waits for the
        other at every row."""
        lists = sql.SQL(", ").join(sql.SQL("json_agg({})").format(sql.Identifier(column)) for column in schema)
        query = sql.SQL("SELECT {} FROM ({}) AS found").format(lists, self._sql[name])
        [row] = self.connection.execute(query, parameters).fetchall()
        return pl.DataFrame(dict(zip(schema, (column or [] for column in row), strict=True)), schema=schema)


def _terms(text: str) -> dict[str, Any]:
    """A search, folded as the rows are: its words (`terms`), and all of it as one (`phrase`), as "信用 金庫" is 信金.

    Of several words those that say no more than that it is a bank or a company are left out.
    """
    folded = [word for word in map(kana.fold, text.split()) if word]
    telling = [word for word in folded if word not in _KINDS]
    phrase = _without_ja(kana.fold("".join(text.split())))
    return {"terms": list(map(_without_ja, telling or folded)), "phrase": phrase}


def _without_ja(word: str) -> str:
    """ＪＡ秋田しんせい and ＪＡバンク秋田しんせい are 秋田しんせい農協 in the lists."""
    return re.sub("^ja(?:バンク)?(?=[^ -~])", "", word)


def search_expr(struct: str) -> pl.Expr:
    """What a search looks at, of a column of rows: `name`, `kana` and `roma`; null where there is no row."""
    return _search_of(pl.col(struct).struct.field)


def _search_of(column: Callable[[str], pl.Expr]) -> pl.Expr:
    return pl.concat_str([kana.fold_expr(column(value)) for value in _FOLDED], separator=" ")
