//! A language model that runs in this process, from one GGUF file of the disk: models of the llama family, such as Llama,
//! SmolLM and TinyLlama. Texts alone; no tools, no pictures.

mod chat;
mod error;
mod file;
mod gguf;
mod loaded;
mod loading;
mod provider;
mod sampler;
mod settings;
mod shape;
#[cfg(test)]
mod tests;
mod tokenizer;
mod words;
mod writer;

pub use error::LocalModelError;
pub use provider::LocalModel;
pub use settings::LocalSettings;
