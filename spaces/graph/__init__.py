"""Operations and what flows between them: graphs, walks over the space tree, canonical forms."""
