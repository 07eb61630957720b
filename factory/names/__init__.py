"""How the tagger of names is made: lists and templates, sentences, word clusters, training, scores, and the card."""
