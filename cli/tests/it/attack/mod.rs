//! What a stranger may send or leave in a folder, and what becomes of it.

mod kills;
mod limits;
mod links;
mod terminal;
