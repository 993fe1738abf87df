-- Occurrences of periodic approaches, each decided once, and what is looked at again right before one is sent.

ALTER TABLE staffing.engineers ADD COLUMN email text;
COMMENT ON COLUMN staffing.engineers.email IS 'Where approaches go; without one they are shown in the app alone.';

ALTER TABLE staffing.approaches
    ADD COLUMN approach_id text,
    ADD COLUMN scheduled_for timestamptz,
    ADD CHECK ((approach_id IS NULL) = (scheduled_for IS NULL));
COMMENT ON COLUMN staffing.approaches.approach_id IS 'The periodic approach that it came from; NULL: people sent it.';

CREATE TABLE staffing.approach_occurrences (
    approach_id    text NOT NULL,
    scheduled_for  timestamptz NOT NULL,
    state          text NOT NULL CHECK (state IN ('delivered', 'empty', 'skipped', 'failed')),
    engineers      integer NOT NULL DEFAULT 0,
    reason         text,
    decided_at     timestamptz NOT NULL,
    PRIMARY KEY (approach_id, scheduled_for),
    CHECK ((state = 'delivered') = (engineers > 0)),
    CHECK ((state = 'failed') = (reason IS NOT NULL))
);
COMMENT ON TABLE staffing.approach_occurrences IS
    'What became of each moment at which a periodic approach was due; the next follows the last of them.';
COMMENT ON COLUMN staffing.approach_occurrences.state IS
    'delivered: handed to the outbox; empty: nobody matched; skipped: missed, and left out by its policy; failed: its '
    'criteria cannot be read.';
CREATE INDEX approach_occurrences_decided ON staffing.approach_occurrences (decided_at);
CREATE INDEX approach_occurrences_failed ON staffing.approach_occurrences (approach_id) WHERE state = 'failed';

CREATE TABLE staffing.approach_schedules (
    approach_id  text PRIMARY KEY,
    rule         jsonb NOT NULL,
    next_at      timestamptz
);
COMMENT ON TABLE staffing.approach_schedules IS
    'The next moment of each periodic approach, by the rule that it was made from: another rule, and it is made anew.';
COMMENT ON COLUMN staffing.approach_schedules.next_at IS 'NULL: the rule has ended, or cannot be read.';
CREATE INDEX approach_schedules_due ON staffing.approach_schedules (next_at);

-- The outbox asks before every attempt: whoever was excluded or has left since is not written to any more, and of an
-- invoice that was voided since nobody is told.
CREATE FUNCTION staffing.vetoes(notices jsonb, at timestamptz) RETURNS TABLE (key text, reason text)
LANGUAGE sql STABLE AS $$
    SELECT n.key, CASE WHEN x.engineer_id IS NOT NULL THEN 'the company excludes this engineer'
                       WHEN e.engineer_id IS NULL OR e.deleted_at <= vetoes.at THEN 'the engineer has left'
                       ELSE 'the company has closed' END
      FROM jsonb_to_recordset(vetoes.notices) AS n (key text, parameters jsonb)
      JOIN staffing.approaches AS a ON a.id = n.parameters ->> 'approach'
      LEFT JOIN staffing.engineers AS e ON e.engineer_id = a.engineer_id
      LEFT JOIN staffing.companies AS c ON c.company_id = a.company_id
      LEFT JOIN staffing.exclusions AS x ON x.company_id = a.company_id AND x.engineer_id = a.engineer_id
     WHERE x.engineer_id IS NOT NULL OR e.engineer_id IS NULL OR e.deleted_at <= vetoes.at OR c.closed_at <= vetoes.at
    UNION ALL
    SELECT n.key, 'the invoice was voided'
      FROM jsonb_to_recordset(vetoes.notices) AS n (key text)
      JOIN staffing.invoices AS i ON n.key = format('invoice %s mail', i.id)
     WHERE i.state = 'void'
$$;
COMMENT ON FUNCTION staffing.vetoes IS 'Those of these notices of the outbox that must not be sent any more, and why.';
