//! Which token comes next: the likeliest, or one drawn by chance that a seed decides.

use ice_core::llm::{LlmContext, Request};

/// How random an answer is if nothing is said, as in llama.cpp.
const TEMPERATURE: f64 = 0.8;
/// Less than this is none.
const LEAST_TEMPERATURE: f64 = 1e-4;

/// Chooses tokens.
pub(super) struct Sampler {
    temperature: f64,
    top_p: f64,
    draws: blake3::OutputReader,
}

impl Sampler {
    /// The sampler of a request. Without a seed the key of the call is one: the same call draws the same.
    ///
    /// # Errors
    /// What is wrong with a setting.
    pub(super) fn of(ctx: &LlmContext, request: &Request) -> Result<Self, String> {
        let temperature = request.temperature.unwrap_or(TEMPERATURE);
        if !(0.0..=2.0).contains(&temperature) {
            return Err(format!(
                "cannot be asked with a `temperature` of {temperature}: it lies between 0 and 2"
            ));
        }
        let top_p = request.top_p.unwrap_or(1.0);
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(format!("cannot be asked with a `top_p` of {top_p}: it lies between 0 and 1"));
        }
        let mut hasher = blake3::Hasher::new();
        for (name, value) in request.extra.as_map().into_iter().flatten() {
            match (&**name, value.as_u64()) {
                ("seed", Some(seed)) => drop(hasher.update(&seed.to_le_bytes())),
                ("seed", None) => {
                    return Err(format!("cannot be asked with the `seed` {value}: it is a whole number"));
                }
                // They ask for nothing that there is here.
                ("cache" | "reasoning_effort", _) => {}
                ("tool_choice", _) if request.tools.is_empty() => {}
                (other, _) => {
                    return Err(format!(
                        "knows no setting `{other}`: there are temperature, max_tokens, top_p, stop_sequences and seed"
                    ));
                }
            }
        }
        if request.extra.get("seed").is_none() {
            hasher.update(ctx.idempotency_key.as_bytes());
        }
        Ok(Self { temperature, top_p, draws: hasher.finalize_xof() })
    }

    /// The next token by the model's scores of all tokens; nothing if the scores are no numbers.
    pub(super) fn next(&mut self, scores: &[f32]) -> Option<u32> {
        if scores.iter().any(|score| !score.is_finite()) {
            return None;
        }
        let (best, top) = scores.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (at, score)| {
            if *score > best.1 { (at, *score) } else { best }
        });
        if self.temperature < LEAST_TEMPERATURE {
            return u32::try_from(best).ok();
        }
        let weight = |score: f32| (f64::from(score - top) / self.temperature).exp();
        let mut weights: Vec<(usize, f64)> = scores
            .iter()
            .map(|score| weight(*score))
            .enumerate()
            .filter(|(_, weight)| *weight > 1e-12)
            .collect();
        weights.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut kept = 0.0;
        // The likeliest tokens that have so much of it all together.
        let enough = weights.iter().position(|(_, weight)| {
            kept += weight;
            kept >= whole * self.top_p
        });
        weights.truncate(enough.map_or(weights.len(), |last| last + 1));
        let mut left = self.draw() * weights.iter().map(|(_, weight)| weight).sum::<f64>();
        let drawn = weights.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        u32::try_from(drawn.or(weights.last())?.0).ok()
    }

    /// A number from 0 to below 1.
    fn draw(&mut self) -> f64 {
        let mut bytes = [0; 8];
        self.draws.fill(&mut bytes);
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use ice_core::value::Value;

    use super::*;

    fn sampler(temperature: f64, top_p: f64, seed: u64) -> Sampler {
        let extra = Value::map([("seed", Value::from(seed))]);
        let request =
            Request { temperature: Some(temperature), top_p: Some(top_p), extra, ..Request::default() };
        Sampler::of(&LlmContext::default(), &request).unwrap()
    }

    #[test]
    fn without_chance_the_likeliest_is_taken() {
        assert_eq!(sampler(0.0, 1.0, 1).next(&[0.0, 3.0, 2.0, 3.0]), Some(1));
        assert_eq!(sampler(0.0, 1.0, 1).next(&[0.0, f32::NAN]), None);
        assert_eq!(sampler(1.0, 1.0, 1).next(&[0.0, f32::INFINITY]), None);
        assert_eq!(sampler(0.0, 1.0, 1).next(&[]), Some(0));
    }

    #[test]
    fn chance_follows_the_scores_and_a_seed_decides() {
        // e^0 to e^(ln 3): a quarter and three quarters.
        let scores = [0.0, 3.0_f32.ln()];
        let draws = |seed| {
            let mut sampler = sampler(1.0, 1.0, seed);
            (0..4_000).map(|_| sampler.next(&scores).unwrap()).collect::<Vec<u32>>()
        };
        let share = f64::from(draws(7).iter().sum::<u32>()) / 4_000.0;
        assert!((share - 0.75).abs() < 0.03, "{share}");
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn the_unlikely_is_left_out() {
        let scores = [0.0, 3.0_f32.ln(), -1.0];
        let mut sampler = sampler(1.0, 0.6, 3);
        assert!((0..200).all(|_| sampler.next(&scores) == Some(1)));
    }

    #[test]
    fn a_call_without_a_seed_draws_by_its_key() {
        let of = |key: &str| {
            let ctx = LlmContext { idempotency_key: key.to_owned(), ..LlmContext::default() };
            let mut sampler = Sampler::of(&ctx, &Request::default()).unwrap();
            (0..50).map(|_| sampler.next(&[0.0; 100]).unwrap()).collect::<Vec<u32>>()
        };
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
    }

    #[test]
    fn settings_that_are_none_are_told() {
        let check = |request: Request, told: &str| {
            let error = Sampler::of(&LlmContext::default(), &request).err().unwrap();
            assert!(error.contains(told), "{error}");
        };
        check(Request { temperature: Some(-0.5), ..Request::default() }, "`temperature` of -0.5");
        check(Request { temperature: Some(f64::NAN), ..Request::default() }, "`temperature` of NaN");
        check(Request { top_p: Some(0.0), ..Request::default() }, "`top_p` of 0");
        let extra = |name: &str| Value::map([(name, Value::from("x"))]);
        check(Request { extra: extra("seed"), ..Request::default() }, "it is a whole number");
        check(Request { extra: extra("top_k"), ..Request::default() }, "knows no setting `top_k`");
    }
}
