#!/usr/bin/python3
"""Takes what a Headgate receiver holds into PostgreSQL, and keeps it there as the receiver has it.

    sink.py --url https://receiver:8444 --authority authority.crt --token FILE --database DSN [--days N] [--once]

A page of batches and the place behind it are one transaction: whenever this is killed, and wherever, each batch is there once. A batch
that comes again takes the place of what was there: that is how the receiver says that somebody was forgotten, or that an appliance has
replaced it. The receiver deletes what is old and does not say so: --days does the same here, and must not be more than [retention] days.

Needs Debian's python3 and python3-psycopg2. The token is what `headgate-receiver reader grant NAME --organisation --records` printed.
"""

import argparse
import http.client
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2
from psycopg2.extras import Json, execute_values

MAX_PAGE = 256 << 20
"""Octets: no page is larger."""


def page(url, context, token, after):
    """The batches behind a place, and the place behind them."""
    request = urllib.request.Request(f"{url}/v1/export?form=records&after={after}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=context, timeout=60) as answer:
        body = answer.read(MAX_PAGE)
        return [json.loads(line) for line in body.splitlines()], int(answer.headers["headgate-next"])


def take(connection, batches, before, after):
    """Puts batches in the place of what was there of them, and notes the place behind them; all of it or nothing. Gives the place where
    the sink is then: another one where another sink, or what is left of one that was killed, has gone on meanwhile."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT after FROM place FOR UPDATE")
        found = int(cursor.fetchone()[0])
        if found != before:
            return found
        for batch in batches:
            number = (batch["appliance"], batch["epoch"], batch["sequence"])
            cursor.execute("DELETE FROM batch WHERE (appliance, epoch, sequence) = (%s, %s, %s)", number)
            cursor.execute("INSERT INTO batch (appliance, epoch, sequence) VALUES (%s, %s, %s)", number)
            rows = [(*number, at, record.pop("kind"), Json(record)) for at, record in enumerate(batch["records"])]
            execute_values(cursor, "INSERT INTO record VALUES %s", rows, page_size=1000)
        cursor.execute("UPDATE place SET after = %s", (after,))
    return after


def expire(connection, days):
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM batch WHERE taken < now() - make_interval(days => %s)", (days,))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--authority", required=True, help="authority.crt of the organisation; no other is believed")
    arguments.add_argument("--token", required=True, type=Path, help="file with the token")
    arguments.add_argument("--database", required=True, help="as libpq has it, for example 'dbname=headgate'")
    arguments.add_argument("--days", type=int, help="delete what was taken so long ago")
    arguments.add_argument("--once", action="store_true", help="end when all is taken")
    arguments = arguments.parse_args()

    context = ssl.create_default_context(cafile=arguments.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    token = arguments.token.read_text().strip()
    connection = psycopg2.connect(arguments.database)
    with connection, connection.cursor() as cursor:
        cursor.execute(Path(__file__).with_name("schema.sql").read_text())
        cursor.execute("SELECT after FROM place")
        after = int(cursor.fetchone()[0])

    while True:
        try:
            batches, behind = page(arguments.url, context, token, after)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                sys.exit(f"sink: {error.code}: {error.read().decode(errors='replace').strip()}")
            batches, behind = [], after
        except (OSError, http.client.HTTPException) as error:
            print(f"sink: the receiver does not answer, tried again: {error}", file=sys.stderr)
            batches, behind = [], after
            if arguments.once:
                sys.exit(69)
        if behind != after:
            after = take(connection, batches, after, behind)
        elif arguments.once:
            return
        else:
            if arguments.days:
                expire(connection, arguments.days)
            time.sleep(5)


if __name__ == "__main__":
    main()
