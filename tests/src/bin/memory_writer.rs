//! The child of the crash suite of memory: opens the memory in a folder, remembers, and says what was acknowledged, until
//! it is killed.

use std::io::Write as _;
use std::path::Path;

use ice_tests::memory::{open, work};

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, life] = arguments.as_slice() else {
        return Err("usage: memory_writer FOLDER LIFE".to_owned());
    };
    let life: u64 = life.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(run(Path::new(folder), life))
}

async fn run(folder: &Path, life: u64) -> Result<(), String> {
    let memory = open(folder).await?;
    memory.validate().map_err(|error| error.to_string())?;
    work(&memory, life, |line| {
        // By one call, so that no line is ever half there.
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{line}\n").as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string())
    })
    .await
}
