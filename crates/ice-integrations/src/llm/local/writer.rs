//! Writes an answer, token by token. Runs on a thread of its own, and looks between tokens whether it is still wanted.

use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use ice_core::llm::{
    Chunk, FinishReason, LlmContext, LlmError, LlmErrorKind, Message, Request, Response, Role, Usage,
};

use super::loaded::Loaded;
use super::sampler::Sampler;
use super::words::Spoken;

/// So many tokens are read at once: what attention takes grows with it, and in between it can be stopped.
const READ_AT_ONCE: usize = 128;

/// An answer being written.
pub(super) struct Writer<'l, 'c> {
    provider: &'l str,
    loaded: &'l Loaded,
    /// Gives a piece to who asked. `false` if it is not wanted any more.
    tell: &'c mut dyn FnMut(Chunk) -> bool,
    /// Whether it is not wanted any more.
    stopped: &'c dyn Fn() -> bool,
    usage: Usage,
    text: String,
}

impl<'l, 'c> Writer<'l, 'c> {
    pub(super) fn new(
        provider: &'l str,
        loaded: &'l Loaded,
        tell: &'c mut dyn FnMut(Chunk) -> bool,
        stopped: &'c dyn Fn() -> bool,
    ) -> Self {
        Self { provider, loaded, tell, stopped, usage: Usage::default(), text: String::new() }
    }

    /// Writes the whole answer: pieces first, the end as what is given back.
    pub(super) fn write(mut self, ctx: &LlmContext, request: &Request) -> Result<Response, LlmError> {
        match self.written(ctx, request) {
            Ok(finish) => Ok(Response {
                message: Message::text(Role::Assistant, self.text),
                usage: self.usage,
                finish,
                model: self.loaded.called.clone(),
            }),
            Err(error) => Err(LlmError { usage: self.usage, ..error }),
        }
    }

    fn written(&mut self, ctx: &LlmContext, request: &Request) -> Result<FinishReason, LlmError> {
        let mut sampler = Sampler::of(ctx, request).map_err(|why| self.invalid(&why))?;
        let conversation = self.loaded.chat.write(self.provider, request, &self.loaded.words)?;
        let read = self
            .loaded
            .words
            .tokens(&conversation)
            .map_err(|why| self.invalid(&format!("cannot read this: {why}")))?;
        let context = self.loaded.context;
        if read.len() >= context {
            let text = format!("has room for {context} tokens, and the conversation has {}", read.len());
            let kind = LlmErrorKind::ContextTooLong;
            return Err(LlmError { another_model_helps: true, ..self.failed(kind, &text) });
        }
        let room = u64::try_from(context - read.len()).unwrap_or_default();
        let most = request.max_tokens.unwrap_or(room).min(room);
        if most == 0 {
            return Ok(FinishReason::Length);
        }
        let mut model = self.loaded.conversation();
        let mut scores = self.read(&mut model, &read)?;
        let mut spoken = Spoken::new(&self.loaded.words);
        let mut stops = Stops::new(&request.stop);
        let mut position = read.len();
        loop {
            let token =
                sampler.next(&scores).ok_or_else(|| self.damaged("what it computes are no numbers"))?;
            self.usage.output += 1;
            if self.loaded.words.is_end(token) {
                self.finish(&mut stops, &spoken)?;
                return Ok(FinishReason::Stop);
            }
            let new = spoken.push(token).map_err(|why| self.damaged(&why))?;
            let (piece, ended) = stops.push(&new);
            self.tell(piece)?;
            if ended {
                return Ok(FinishReason::Stop);
            }
            if self.usage.output >= most {
                let ended = self.finish(&mut stops, &spoken)?;
                return Ok(if ended { FinishReason::Stop } else { FinishReason::Length });
            }
            self.look_up()?;
            scores = self.scores(&mut model, &[token], position)?;
            position += 1;
        }
    }

    /// Tells what was held back. `true` if a text that ends the answer is in it.
    fn finish(&mut self, stops: &mut Stops, spoken: &Spoken<'_>) -> Result<bool, LlmError> {
        let rest = spoken.rest().map_err(|why| self.damaged(&why))?;
        let (piece, ended) = stops.push(&rest);
        self.tell(piece)?;
        if !ended {
            let held = std::mem::take(&mut stops.held);
            self.tell(held)?;
        }
        Ok(ended)
    }

    /// Reads a conversation in pieces, and gives the scores of what comes next.
    fn read(&mut self, model: &mut ModelWeights, tokens: &[u32]) -> Result<Vec<f32>, LlmError> {
        let mut scores = Vec::new();
        let mut position = 0;
        for piece in tokens.chunks(READ_AT_ONCE) {
            self.look_up()?;
            scores = self.scores(model, piece, position)?;
            position += piece.len();
            self.usage.input = position as u64;
        }
        Ok(scores)
    }

    fn scores(
        &self,
        model: &mut ModelWeights,
        tokens: &[u32],
        position: usize,
    ) -> Result<Vec<f32>, LlmError> {
        let computed = Tensor::new(tokens, &Device::Cpu).and_then(|tokens| {
            let scores = model.forward(&tokens.unsqueeze(0)?, position)?;
            scores.squeeze(0)?.to_vec1::<f32>()
        });
        computed.map_err(|error| self.damaged(error.to_string().lines().next().unwrap_or_default()))
    }

    fn tell(&mut self, piece: String) -> Result<(), LlmError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.text.push_str(&piece);
        if (self.tell)(Chunk::Text { delta: piece }) { Ok(()) } else { Err(cancelled()) }
    }

    fn look_up(&self) -> Result<(), LlmError> {
        if (self.stopped)() { Err(cancelled()) } else { Ok(()) }
    }

    fn failed(&self, kind: LlmErrorKind, text: &str) -> LlmError {
        LlmError::new(kind, format!("`{}` {text}", self.provider))
    }

    fn invalid(&self, why: &str) -> LlmError {
        self.failed(LlmErrorKind::InvalidRequest, why)
    }

    fn damaged(&self, why: &str) -> LlmError {
        let error = self.invalid(&format!("cannot answer, its model is damaged: {why}"));
        LlmError { another_model_helps: true, ..error }
    }
}

pub(super) fn cancelled() -> LlmError {
    LlmError::new(LlmErrorKind::Cancelled, "the call was cancelled")
}

/// Texts that end an answer: what may be the beginning of one is held back.
struct Stops<'r> {
    stops: Vec<&'r str>,
    held: String,
}

impl<'r> Stops<'r> {
    fn new(stops: &'r [String]) -> Self {
        Self {
            stops: stops.iter().map(String::as_str).filter(|stop| !stop.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// What can be told now, and whether the answer has ended.
    fn push(&mut self, new: &str) -> (String, bool) {
        self.held.push_str(new);
        if let Some(end) = self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(end);
            return (std::mem::take(&mut self.held), true);
        }
        let is_beginning = |at: &usize| {
            self.held.get(*at..).is_some_and(|tail| self.stops.iter().any(|stop| stop.starts_with(tail)))
        };
        let longest = self.stops.iter().map(|stop| stop.len()).max().unwrap_or_default();
        let from = self.held.len().saturating_sub(longest);
        let hold = (from..self.held.len()).find(is_beginning).unwrap_or(self.held.len());
        let held = self.held.split_off(hold);
        (std::mem::replace(&mut self.held, held), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stops: &[&str], pieces: &[&str], told: &[&str], ended: bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut held = Stops::new(&stops);
        let mut found = Vec::new();
        let mut end = false;
        for piece in pieces {
            let (text, now) = held.push(piece);
            found.push(text);
            end |= now;
        }
        assert_eq!(
            (found, end),
            (told.iter().map(|text| (*text).to_owned()).collect(), ended),
            "{stops:?} {pieces:?}"
        );
    }

    #[test]
    fn what_ends_an_answer_is_not_told_and_nor_is_its_beginning() {
        check(&[], &["a", "b"], &["a", "b"], false);
        check(&["END"], &["one E", "N", "D two"], &["one ", "", ""], true);
        check(&["END"], &["one E", "NE", "x"], &["one ", "EN", "Ex"], false);
        check(&["b", "ab"], &["xab"], &["x"], true);
        check(&["\n\n"], &["ä\n", "\nß"], &["ä", ""], true);
        check(&[""], &["a"], &["a"], false);
    }
}
