-- Models see the rows that pass the rest of WHERE; equal calls are made once; one over another's result waits for it.
CREATE STREAM out AS
  SELECT id, score(UCASE(url)) AS s, double_score(score(UCASE(url))) AS d FROM clicks WHERE spent > 1 AND score(UCASE(url)) > 5;
