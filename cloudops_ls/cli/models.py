"""``cloudops-ls models``: the embedding models that search by meaning needs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads it
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.composition import models_directory
from cloudops_ls.config import load_settings
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.storage.vectors.embeddings import EmbeddingModel

models = typer.Typer(help="Embedding models, for search by meaning.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models(
    available: Annotated[
        bool, typer.Option("--available", help="Those that can be installed by name.")
    ] = False,
) -> None:
    """List the embedding models.

    Those that are installed, or those that can be installed by name.
    """
    from cloudops_ls.storage.vectors.embeddings import find_model, installed_models
    from cloudops_ls.storage.vectors.model_install import RECOMMENDED, known_models

    if available:
        table = Table(
            "name",
            Column("dimensions", justify="right"),
            Column("size", justify="right"),
            "licence",
        )
        for one in known_models():
            mark = " (recommended)" if one.model == RECOMMENDED else ""
            size = f"{one.size_in_GB * 1000:,.0f} MB"
            table.add_row(f"{one.model}{mark}", str(one.dim), size, one.license)
        print_tables(table)
        return
    home = Home.locate()
    settings, _ = load_settings(home)
    directory = models_directory(home, settings)
    wanted = find_model(directory, settings.search.model)
    table = Table(
        "name", Column("dimensions", justify="right"), Column("size", justify="right"), "used"
    )
    for model in installed_models(directory):
        used = wanted is not None and wanted.directory == model.directory
        table.add_row(
            _name(model), str(model.dim), f"{_size(model) / 1e6:,.0f} MB", "yes" if used else ""
        )
    print_tables(table)
    if not table.row_count:
        Console(stderr=True).print(
            "No embedding model is installed: search goes by names and words. "
            "Run 'cloudops-ls models install'."
        )


@models.command("install")
def install_model(
    name: Annotated[
        str | None, typer.Argument(help="Such as sentence-transformers/all-MiniLM-L6-v2.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Install from files; needs no network."),
    ] = None,
) -> None:
    """Install an embedding model.

    From the Hugging Face hub, or from a directory.
    """
    from cloudops_ls.storage.vectors.model_install import (
        RECOMMENDED,
        install_from_directory,
        install_from_hub,
    )

    home = Home.locate()
    settings, _ = load_settings(home)
    directory = models_directory(home, settings)
    home.create()
    console = Console(stderr=True)
    if source is not None:
        with console.status("Trying the model"):
            model = install_from_directory(directory, source.expanduser(), name)
    else:
        # The hub's client shows its own progress.
        model = install_from_hub(directory, name or RECOMMENDED)
    console.print(f"Installed {_name(model)}, {model.dim} dimensions.", highlight=False)
    wanted = settings.search.model
    if wanted is not None and wanted.replace("/", "--") != model.directory.name:
        console.print(f"The setting search.model names another one: {wanted}.", highlight=False)
    elif wire.socket_path(home).exists():
        ask_worker(home, wire.MODELS_CHANGED, {})
        console.print("The texts that are stored are embedded in the background.")


def _name(model: EmbeddingModel) -> str:
    return model.directory.name.replace("--", "/")


def _size(model: EmbeddingModel) -> int:
    return sum(path.stat().st_size for path in model.directory.rglob("*") if path.is_file())
