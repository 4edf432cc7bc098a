//! One load for all who ask, whoever leaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use ice_core::llm::{LlmContext, LlmErrorKind, LlmProvider};

use super::super::loaded::Loaded;
use super::super::loading::Loading;
use super::super::{LocalModel, LocalModelError, LocalSettings};
use super::kit::{Laid, Made, plain};

/// What one load does once it is let go on.
#[derive(Clone, Copy)]
enum Load {
    Brings,
    Fails,
    Panics,
}

/// A model whose loads wait until they are let go on, each doing what is planned for it.
struct Slow {
    model: LocalModel,
    loads: Arc<AtomicUsize>,
    goes_on: Sender<()>,
    _laid: Laid,
}

impl Slow {
    fn new(plan: &'static [Load]) -> Self {
        let laid = Made::new().lay();
        let (goes_on, waits) = channel();
        let waits = Mutex::new(waits);
        let loads = Arc::new(AtomicUsize::new(0));
        let (count, path) = (Arc::clone(&loads), laid.folder());
        let loading = Loading::new(path.clone(), move || {
            let at = count.fetch_add(1, Ordering::SeqCst);
            waits.lock().unwrap().recv().unwrap();
            match plan[at] {
                Load::Brings => Loaded::load(&path),
                Load::Fails => Err(LocalModelError::Missing { path: path.clone() }),
                Load::Panics => std::panic::resume_unwind(Box::new("planned")),
            }
        });
        let model = LocalModel::loaded_by(loading, "local", LocalSettings::of(laid.folder()));
        Self { model, loads, goes_on, _laid: laid }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_load_goes_on_without_who_began_it_and_later_ones_wait_for_it() {
    let slow = Slow::new(&[Load::Brings; 8]);
    // As a time-out does.
    for _ in 0..3 {
        let ctx = LlmContext::default();
        assert!(slow.model.complete(&ctx, plain("abc", 1)).now_or_never().is_none());
    }
    let ctx = LlmContext::default();
    let mut cancelled = Box::pin(slow.model.complete(&ctx, plain("abc", 1)));
    assert!(cancelled.as_mut().now_or_never().is_none());
    ctx.cancel.cancel();
    assert_eq!(cancelled.await.unwrap_err().kind, LlmErrorKind::Cancelled);
    // More than one: loads that should not be are to be counted, not to wait for ever.
    (0..8).for_each(|_| slow.goes_on.send(()).unwrap());
    let ctx = LlmContext::default();
    let (one, other) = futures::join!(
        slow.model.complete(&ctx, plain("abc", 1)),
        slow.model.complete(&ctx, plain("abc", 1))
    );
    assert_eq!((one.unwrap().usage.output, other.unwrap().usage.output), (1, 1));
    assert_eq!(slow.loads(), 1);
}

#[tokio::test]
async fn a_load_that_fails_is_told_to_all_who_wait_and_the_next_call_tries_anew() {
    let slow = Slow::new(&[Load::Fails, Load::Panics, Load::Brings]);
    let mut one = Box::pin(slow.model.load());
    let mut other = Box::pin(slow.model.load());
    assert!(one.as_mut().now_or_never().is_none() && other.as_mut().now_or_never().is_none());
    slow.goes_on.send(()).unwrap();
    for told in [one.await, other.await] {
        assert!(matches!(told, Err(LocalModelError::Missing { .. })), "{told:?}");
    }
    assert_eq!(slow.loads(), 1);
    slow.goes_on.send(()).unwrap();
    let told = slow.model.load().await;
    assert!(matches!(told, Err(LocalModelError::Stopped { .. })), "{told:?}");
    slow.goes_on.send(()).unwrap();
    assert_eq!(slow.model.load().await.unwrap(), "tiny");
    assert_eq!((slow.model.load().await.unwrap(), slow.loads()), ("tiny", 3));
}
