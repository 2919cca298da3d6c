-- Which items hold which words, to spare a search most of the archive. The tokens are ours (`matching::index_tokens`)
-- and hold nothing that the tokenizer could split. Nothing but tokens and row keys is kept: no text (content=''), no
-- positions (detail=none). The janitor fills it; a poll's transaction never does.
CREATE VIRTUAL TABLE item_index USING fts5 (
    tokens,                             -- rowid: item.id
    content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
INSERT INTO meta (key, value) VALUES
    ('index_form', 0),                  -- of the tokens; another than the program's: to be made anew
    ('indexed_to', 0);                  -- item.id: all items up to it are in the index, none behind it
