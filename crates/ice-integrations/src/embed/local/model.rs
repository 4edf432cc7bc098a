//! A model with its numbers: tokens in, vectors out.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::BertModel;

use super::config::{Pooling, Shape};
use super::error::LocalError;
use super::folder::WEIGHTS;
use super::text::Tokens;

/// A loaded model.
pub(super) struct Model {
    bert: BertModel,
    pooling: Pooling,
    padding: u32,
}

impl Model {
    /// Takes the numbers, 16-bit ones as 32-bit ones. They are read into memory and not mapped: a file that is changed
    /// below a map would be undefined behaviour.
    pub(super) fn load(weights: Vec<u8>, shape: &Shape) -> Result<Self, LocalError> {
        let invalid = |error: candle_core::Error| LocalError::invalid(WEIGHTS, error.to_string());
        let numbers =
            VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).map_err(invalid)?;
        let bert = BertModel::load(numbers, &shape.bert).map_err(invalid)?;
        let padding = u32::try_from(shape.bert.pad_token_id).unwrap_or_default();
        Ok(Self { bert, pooling: shape.pooling, padding })
    }

    /// The vectors of some texts, each of length one. Every text has at least one token.
    pub(super) fn embed(&self, texts: &[&Tokens]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = texts.iter().map(|text| text.ids.len()).max().unwrap_or_default();
        let shape = (texts.len(), longest);
        let padded = |of: fn(&Tokens) -> &[u32], padding: u32| {
            let filled = texts.iter().flat_map(|text| {
                let tokens = of(text);
                let lacking = longest.saturating_sub(tokens.len());
                tokens.iter().copied().chain(std::iter::repeat_n(padding, lacking))
            });
            Tensor::from_vec(filled.collect::<Vec<u32>>(), shape, &Device::Cpu)
        };
        let ids = padded(|text| &text.ids, self.padding)?;
        let types = padded(|text| &text.types, 0)?;
        let mask: Vec<f32> = texts
            .iter()
            .flat_map(|text| {
                let lacking = longest.saturating_sub(text.ids.len());
                std::iter::repeat_n(1.0, text.ids.len()).chain(std::iter::repeat_n(0.0, lacking))
            })
            .collect();
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let tokens = self.bert.forward(&ids, &types, Some(&mask))?;
        let pooled = match self.pooling {
            // Tokens that only fill up do not count.
            Pooling::Mean => {
                let sum = tokens.broadcast_mul(&mask.unsqueeze(2)?)?.sum(1)?;
                sum.broadcast_div(&mask.sum_keepdim(1)?)?
            }
            Pooling::First => tokens.narrow(1, 0, 1)?.squeeze(1)?,
        };
        let mut rows: Vec<Vec<f32>> = pooled.to_vec2()?;
        rows.iter_mut().for_each(|row| normalise(row));
        Ok(rows)
    }
}

/// Makes a vector one long. As in PyTorch's `normalize`, one of almost nothing stays shorter.
fn normalise(row: &mut [f32]) {
    const LEAST: f32 = 1e-12;
    let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(LEAST);
    row.iter_mut().for_each(|number| *number /= length);
}
