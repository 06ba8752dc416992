"""The tags of a stored record, taken out of its document by the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class tags_of(GenericFunction[str]):  # noqa: N801 -- reads as the SQL function that it is
    """``tags_of(document)``: a record's tags but ``Name``, as a JSON object."""

    type = Text()
    inherit_cache = True


@compiles(tags_of, "sqlite")
def _sqlite(element: tags_of, compiler: SQLCompiler, **options: Any) -> str:
    document = compiler.process(element.clauses, **options)
    return f"json_remove(json_extract({document}, '$.tags'), '$.Name')"


@compiles(tags_of, "postgresql")
def _postgresql(element: tags_of, compiler: SQLCompiler, **options: Any) -> str:
    document = compiler.process(element.clauses, **options)
    return f"((({document})::jsonb -> 'tags') - 'Name')::text"
