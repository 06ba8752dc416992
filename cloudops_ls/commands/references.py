"""Files and URLs that a command would open; here they are only noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import FileReference, FileUse
from cloudops_ls.commands.refusals import index_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FILE_PREFIXES = ("file://", "fileb://")
URL_PREFIXES = ("http://", "https://")


class FileValue(str):
    """A parameter value that the CLI would load from a file or URL."""

    __slots__ = ()


def reference(argument: Any, value: Any) -> FileReference | None:
    """Say which file or URL the CLI would open for the value of one of its arguments, if any.

    ``value`` has been through the CLI's ``load-cli-arg`` event, where our handler made a
    ``FileValue`` of it when the CLI's own would have loaded it.
    """
    name = argument.name
    for text in value if isinstance(value, list) else [value]:
        # Shorthand key@=file://… loads a file in the middle of a value.
        if _is_structured(argument) and isinstance(text, str) and "@=" in text and "://" in text:
            return FileReference(parameter=argument.cli_name, location=text, use=FileUse.READ)
    if not isinstance(value, str):
        return None
    use: FileUse | None = None
    if isinstance(value, FileValue):
        use = FileUse.FETCH if value.startswith(URL_PREFIXES) else FileUse.READ
    elif name == "cli-input-json":
        # The CLI reads this one by itself, without asking for load-cli-arg.
        use = FileUse.READ if value.startswith(FILE_PREFIXES) else None
    elif name == "outfile" or name.endswith("-outfile"):
        use = FileUse.WRITE
    elif name == "priv-launch-key" or _streams(argument):
        use = FileUse.READ
    if use is None:
        return None
    return FileReference(parameter=argument.cli_name, location=str(value), use=use)


def _is_structured(argument: Any) -> bool:
    model = getattr(argument, "argument_model", None)
    return model is not None and model.type_name in ("structure", "list", "map")


def _streams(argument: Any) -> bool:
    """Whether the argument takes the path of a file whose content is the request's body."""
    model = getattr(argument, "argument_model", None)
    return (
        model is not None
        and model.type_name == "blob"
        and bool(getattr(model, "serialization", {}).get("streaming"))
    )


def of_global_options(values: Any) -> list[FileReference]:
    """Return the file that a global option names."""
    if not values.ca_bundle:
        return []
    return [FileReference(parameter="--ca-bundle", location=values.ca_bundle, use=FileUse.READ)]


def members(files: Iterable[FileReference], table: dict[str, Any]) -> Iterator[str]:
    """Yield the members of the input whose values are in the given files."""
    names = {reference.parameter for reference in files}
    if "--cli-input-json" in names:
        # Any member may be in that file.
        for argument in table.values():
            yield getattr(argument, "_serialized_name", "")
    for argument in table.values():
        if argument.cli_name in names:
            yield getattr(argument, "_serialized_name", "")
            yield getattr(argument, "_param_to_replace", "")
            yield getattr(argument, "_param_to_overwrite", "")


def of_s3_transfer(
    command: tuple[str, ...], parameters: dict[str, Any], words: Sequence[str]
) -> list[FileReference]:
    """Return the local paths of an ``aws s3`` transfer: the first is read, the second is written.

    Raises
    ------
    CommandError
        No path is in S3, or the source is standard input.
    """
    operation = command[-1]
    if command[0] != "s3" or operation not in {"cp", "mv", "sync"}:
        return []
    paths = [str(path) for path in parameters.get("paths", [])]
    if not any(path.startswith("s3://") for path in paths):
        raise CommandError(
            ErrorKind.INVALID_VALUE,
            f"aws s3 {operation} copies from or to S3, and neither path starts with s3://",
            word=index_of(words, paths[0]) if paths else None,
        )
    found = []
    for path, use in zip(paths, (FileUse.READ, FileUse.WRITE), strict=False):
        if path.startswith("s3://"):
            continue
        if path == "-":
            if use is FileUse.READ:
                raise CommandError(
                    ErrorKind.UNSUPPORTED,
                    "Standard input is empty here, so S3 would receive an empty object",
                    word=index_of(words, "-"),
                )
            continue
        found.append(FileReference(parameter="paths", location=path, use=use))
    return found
