-- A column for each part of an item that is searched (src/catalog/words.ts, PARTS). The tokenizer takes all that is not
-- ASCII for letters, so that it parts the words at spaces alone, however new a character is. The program fills it at
-- its next start.
DROP TABLE "item_search";
CREATE VIRTUAL TABLE "item_search" USING fts5(
    title,
    tags,
    rest,
    content='',
    contentless_delete=1,
    tokenize="ascii",
    prefix='2 3'
);
