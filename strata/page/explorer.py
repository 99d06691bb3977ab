"""The explorer: one self-contained file in which every feature of a run can be looked at.

Its address holds all that a reader has chosen, so that a link shows what its sender saw. After `explorer.html#`, any of
these, joined by `&` and encoded as in every address:

- `seed=0`: whose features are shown; the first, unless said otherwise.
- `feature=17`: the feature that is looked at.
- `pinned=3,17`: features that stand side by side.
- `filter=class:3 k>0.6`: what is shown, in the words of the search box. A number is a feature; `class:3`, `class:"a b"`
  and `meta:4` are a class and a meta-feature; `<column>>0.6`, `<column><0.6`, `<column>:0.2..0.6` (both ends belong to
  it) and `<column>:missing` speak of a column of features.csv, where `k`, `gamma` and `delta` are complexity,
  importance and temporal_decoding_score; any other word is part of the name of a class. Numbers, classes and words of
  one kind widen what is shown, different kinds narrow it.
- `lasso=map,1,2,3,4,…`: only what lies in this polygon of the map, or of the scatter.
- `x=complexity`, `y=log:importance`, `colour=class`: columns of the scatter, and of the colours of both plots.
- `map=7.5,3,40`, `scatter=…`: what a plot looks at: its centre, and pixels a unit (of the scatter, times shown).
- `sort=-importance`, `page=2`: of the gallery.
- `epoch=3`: whose population is shown beside.

What it does not know, it leaves aside.
"""
