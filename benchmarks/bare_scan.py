"""A scan into an encrypted store and nothing else, whose memory ``bench_scan`` watches."""

from __future__ import annotations

from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.scanner import Scanner
from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService


def main() -> None:
    sessions = SessionFactory()
    with StorageService.open(Home.locate()) as store:
        report = Scanner(sessions, Catalog.load(), store.estate).scan(["big"], types=["ebs_volume"])
    sessions.close()
    if not report.complete:
        raise SystemExit(report.problems()[0])


if __name__ == "__main__":
    main()
