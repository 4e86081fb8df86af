"""All rows by name."""

import ceiling
import engine
import peers

ROWS = ceiling.ROWS | engine.ROWS | peers.ROWS
