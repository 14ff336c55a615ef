"""An incident told in plain English: what happened in what order, what to do next, what is not known.

`tell.tell_story` is the door; `words.words_of` reads the catalogue, `words.toml`, in which all wording stands.
"""
