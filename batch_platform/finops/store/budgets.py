"""Monthly budgets of projects."""

from __future__ import annotations

from datetime import datetime

from batch_platform.finops.model import Budget
from batch_platform.finops.store.statements import FinopsStatements


class Budgets(FinopsStatements):
    """`finops_budgets`."""

    def budgets(self, project_id: str) -> list[Budget]:
        """The project's budgets, by measure and currency."""
        return [Budget(**row) for row in self._rows("budgets", project_id=project_id)]

    def save_budget(self, budget: Budget, *, now: datetime) -> bool:
        """Set the amount; False when it was already so."""
        changed = self._run(
            "upsert_budget",
            project_id=budget.project_id,
            measure=budget.measure,
            currency=budget.currency,
            monthly_amount=budget.monthly_amount,
            now=now,
        )
        return changed == 1

    def delete_budget(self, project_id: str, measure: str, currency: str) -> bool:
        """False when there was none."""
        return self._run("delete_budget", project_id=project_id, measure=measure, currency=currency) == 1
