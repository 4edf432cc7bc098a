//! Embeds every line of a text with a model that runs in this process: numbers of 32 bits, little-endian, a vector behind another.
//!
//! `cargo run --release -p ice-integrations --features embed-local --example embed_lines -- FOLDER <TEXT >VECTORS`, where the folder
//! holds the model, such as the one that `cargo xtask setup` puts into `models/all-minilm-l6-v2` of cargo's folder for build output.

use std::error::Error;
use std::io::{BufRead, BufWriter, Write, stderr, stdin, stdout};

use ice_core::embedding::{EmbedContext, Embedder};
use ice_integrations::embed::local::{LocalEmbedder, LocalOptions};

/// Lines of a call.
const AT_ONCE: usize = 256;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name the folder of the model")?;
    let embedder = LocalEmbedder::load(folder, LocalOptions::default()).await?;
    let mut lines = stdin().lock().lines();
    let (mut out, mut done) = (BufWriter::new(stdout().lock()), 0);
    loop {
        let texts = lines.by_ref().take(AT_ONCE).collect::<Result<Vec<String>, _>>()?;
        if texts.is_empty() {
            out.flush()?;
            return Ok(());
        }
        for vector in embedder.embed(&EmbedContext::default(), &texts).await?.vectors {
            for number in vector.vector() {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        done += texts.len();
        write!(stderr(), "\r{done} lines")?;
    }
}
