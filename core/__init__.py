"""What several rooms share: contracts, errors, hashes, spans, words, connected components."""
