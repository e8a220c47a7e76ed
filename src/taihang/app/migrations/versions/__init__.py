"""The revisions of the schema, each made once and never changed again."""
