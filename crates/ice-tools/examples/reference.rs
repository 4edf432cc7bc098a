//! Prints the reference of the tools as Markdown.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(ice_tools::reference::page(&ice_tools::entries()).as_bytes())
}
