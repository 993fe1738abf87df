"""A contest as a whole: what it has come to, and its way from temporary tables into the real ones."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from batch_platform.trading.store.statements import Row, TradingStatements


class Contests(TradingStatements):
    """Answers are rows in the order in which they are given."""

    def answer(self, part: str, campaign_no: int) -> list[Row]:
        """One of orders, positions, investments, balances, funding_index, lst_rates, baselines."""
        return self._rows(f"{part}_answer", campaign_no=campaign_no)

    def boards(self, campaign_no: int) -> tuple[list[Row], list[Row], list[Row]]:
        """Instants, ranked and unranked of every snapshot."""
        names = ("board_instants", "every_ranked", "every_unranked")
        instants, ranked, unranked = (self._rows(name, campaign_no=campaign_no) for name in names)
        return instants, ranked, unranked

    def contest_size(self, campaign_no: int) -> dict[str, int]:
        """How many `users`, `orders`, `ticks` and rows of `snapshots`."""
        [counts] = self._rows("contest_size", campaign_no=campaign_no)
        return counts

    def is_empty(self, campaign_no: int) -> bool:
        """Whether nobody plays and nothing was ever priced."""
        return bool(self._value("is_empty", campaign_no=campaign_no))

    def remove_empty(self, name: str) -> None:
        """Make room for a contest: an empty campaign of its name goes."""
        self._run("remove_empty", name=name)

    def waiting(self, campaign_no: int) -> list[Row]:
        """`user` and `accepted_at` of each order that waits, the oldest first."""
        return self._rows("waiting", campaign_no=campaign_no)

    def end_contest(self, campaign_no: int, at: datetime) -> None:
        """The instant that a loaded contest is read as of."""
        self._run("end_contest", campaign_no=campaign_no, at=at)

    def sign_contest(self, campaign_no: int, digest: str) -> None:
        """What a loaded contest was made of."""
        self._run("sign_contest", campaign_no=campaign_no, digest=digest)

    def make_scratch(self, *, numbered_for_real: bool) -> None:
        """Empty temporary tables in the place of all of trading's.

        `numbered_for_real`: their numbers are drawn from the real tables' sequences, so that rows can move there.
        """
        for row in self._rows("tables"):
            copy = "CREATE TEMPORARY TABLE {} (LIKE trading.{} INCLUDING ALL EXCLUDING IDENTITY)"
            table = sql.Identifier(row["relname"])
            self.connection.execute(sql.SQL(copy).format(table, table))
        for row in self._rows("identity_columns"):
            table, column = row["table_name"], row["column_name"]
            default: sql.Composable
            if numbered_for_real:
                default = sql.SQL("SET DEFAULT nextval({})").format(sql.Literal(f"trading.{table}_{column}_seq"))
            else:
                default = sql.SQL("ADD GENERATED ALWAYS AS IDENTITY")
            change = sql.SQL("ALTER TABLE {} ALTER COLUMN {} ").format(sql.Identifier(table), sql.Identifier(column))
            self.connection.execute(change + default)

    def analyze(self) -> None:
        """Plans are made anew, for what the tables hold by now."""
        self._run("analyze")

    def move_scratch(self) -> None:
        """All rows of the temporary tables into the real ones; `numbered_for_real` before."""
        for row in self._rows("tables"):
            table = sql.Identifier(row["relname"])
            copy = "INSERT INTO trading.{} OVERRIDING SYSTEM VALUE SELECT * FROM pg_temp.{}"
            self.connection.execute(sql.SQL(copy).format(table, table))
