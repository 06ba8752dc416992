"""Parts of a stored record, taken out of its document by the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

# Named as the SQL functions that they are.


class tags_of(GenericFunction[str]):  # noqa: N801
    """``tags_of(document)``: a record's tags but ``Name``, as a JSON object."""

    type = Text()
    inherit_cache = True


class engine_of(GenericFunction[str]):  # noqa: N801
    """``engine_of(document)``: a record's engine, null where it has none."""

    type = Text()
    inherit_cache = True


class metadata_of(GenericFunction[str]):  # noqa: N801
    """``metadata_of(document)``: a record's metadata, as a JSON object."""

    type = Text()
    inherit_cache = True


@compiles(tags_of, "sqlite")
def _tags_sqlite(element: tags_of, compiler: SQLCompiler, **options: Any) -> str:
    document = compiler.process(element.clauses, **options)
    return f"json_remove(json_extract({document}, '$.tags'), '$.Name')"


@compiles(tags_of, "postgresql")
def _tags_postgresql(element: tags_of, compiler: SQLCompiler, **options: Any) -> str:
    document = compiler.process(element.clauses, **options)
    return f"((({document})::jsonb -> 'tags') - 'Name')::text"


@compiles(engine_of, "sqlite")
def _engine_sqlite(element: engine_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$.engine')"


@compiles(engine_of, "postgresql")
def _engine_postgresql(element: engine_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"(({compiler.process(element.clauses, **options)})::jsonb ->> 'engine')"


@compiles(metadata_of, "sqlite")
def _metadata_sqlite(element: metadata_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$.metadata')"


@compiles(metadata_of, "postgresql")
def _metadata_postgresql(element: metadata_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"(({compiler.process(element.clauses, **options)})::jsonb -> 'metadata')::text"
