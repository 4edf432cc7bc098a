use proptest::prelude::*;

use super::*;

fn tokens(tokens: u64) -> Spend {
    Spend { tokens, ..NOTHING }
}

fn shared(limit: u64) -> SharedBudget {
    let limit = Budget { tokens: Some(limit), ..Budget::default() };
    SharedBudget::new(Payer::Tenant, limit, None, Moment::from_millis(0))
}

fn drawn(budget: &mut SharedBudget, share: &mut Share, used: u64, need: u64) -> Result<(), Overrun> {
    budget.draw(share, (tokens(used), tokens(used)), tokens(need))
}

#[test]
fn a_run_draws_ahead_but_leaves_something_for_others() {
    let (mut budget, mut share) = (shared(1_000), Share::none(Payer::Tenant, tokens(50)));
    drawn(&mut budget, &mut share, 50, 60).unwrap();
    // Ten are needed, and seventy ahead are less than an eighth of the others.
    assert_eq!((budget.until(&share).tokens, budget.held), (Some(130), tokens(80)));
    drawn(&mut budget, &mut share, 130, 930).unwrap();
    assert_eq!((budget.spent, budget.held), (tokens(80), tokens(815)));
    assert_eq!(budget.left().tokens, Some(105));
    let mut other = Share::none(Payer::Tenant, NOTHING);
    let overrun = drawn(&mut budget, &mut other, 0, 106).unwrap_err();
    assert_eq!(overrun.to_string(), "it takes up to 106 tokens, and 105 of 1000 are left");
    drawn(&mut budget, &mut other, 0, 105).unwrap();
    assert_eq!(budget.left().tokens, Some(0));
}

#[test]
fn what_a_run_has_ahead_counts_as_its_own() {
    let (mut budget, mut share) = (shared(100), Share::none(Payer::Tenant, NOTHING));
    drawn(&mut budget, &mut share, 0, 40).unwrap();
    assert_eq!(share.drawn, tokens(47));
    let overrun = drawn(&mut budget, &mut share, 40, 101).unwrap_err();
    assert_eq!(overrun.to_string(), "it takes up to 61 tokens, and 60 of 100 are left");
    drawn(&mut budget, &mut share, 40, 100).unwrap();
}

#[test]
fn a_price_that_nobody_knows_is_too_much() {
    let limit = Budget { cost_usd: Some("5".parse().unwrap()), ..Budget::default() };
    let mut budget = SharedBudget::new(Payer::Tenant, limit, None, Moment::from_millis(0));
    let mut share = Share::none(Payer::Tenant, NOTHING);
    let need = Spend { unpriced: true, ..tokens(10) };
    assert!(matches!(budget.draw(&mut share, (NOTHING, NOTHING), need), Err(Overrun::Unpriced { .. })));
}

#[test]
fn what_is_not_limited_is_counted_all_the_same() {
    let limit = Budget { tool_calls: Some(3), ..Budget::default() };
    let mut budget = SharedBudget::new(Payer::Tenant, limit, None, Moment::from_millis(0));
    let mut share = Share::none(Payer::Tenant, NOTHING);
    let need = Spend { tool_calls: 1, ..tokens(10) };
    budget.draw(&mut share, (NOTHING, NOTHING), need).unwrap();
    assert_eq!(budget.until(&share), Budget { tool_calls: Some(1), ..Budget::default() });
    let mut share = share.ended(Spend { tool_calls: 1, ..tokens(5_000) });
    budget.close(&mut share);
    assert_eq!((budget.spent.tokens, budget.spent.tool_calls, budget.held.is_nothing()), (5_000, 1, true));
}

#[test]
fn a_run_that_could_not_say_what_it_spent_has_spent_all_it_drew() {
    let (mut budget, mut share) = (shared(100), Share::none(Payer::Tenant, tokens(7)));
    drawn(&mut budget, &mut share, 7, 17).unwrap();
    let all = budget.held;
    budget.close(&mut share);
    assert_eq!((budget.spent, budget.held), (all, NOTHING));
}

#[test]
fn a_new_period_begins_with_nothing_spent() {
    let day = 24 * 60 * 60 * 1_000;
    let limit = Budget { tokens: Some(10), ..Budget::default() };
    let mut budget = SharedBudget::new(Payer::Tenant, limit, Some(Period::Day), Moment::from_millis(day + 5));
    assert_eq!(budget.since, Moment::from_millis(day));
    let mut share = Share::none(Payer::Tenant, NOTHING);
    drawn(&mut budget, &mut share, 0, 10).unwrap();
    budget.give_back(&mut share, (tokens(10), tokens(10)));
    budget.roll(Moment::from_millis(2 * day - 1));
    assert_eq!(budget.left().tokens, Some(0));
    budget.roll(Moment::from_millis(2 * day));
    assert_eq!((budget.left().tokens, budget.since), (Some(10), Moment::from_millis(2 * day)));
    // A clock that was set back does not give it again.
    budget.spent = tokens(4);
    budget.roll(Moment::from_millis(day));
    assert_eq!((budget.left().tokens, budget.since), (Some(6), Moment::from_millis(2 * day)));
}

/// Something that one of three runs does.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// It begins a call that takes so much at worst, and ends it having taken this part of it, in hundredths.
    Call(u64, u64),
    GiveBack,
    End,
}

fn moves() -> impl Strategy<Value = Vec<(usize, Move)>> {
    let one = prop_oneof![
        6 => (0..40_u64, 0..=100_u64).prop_map(|(worst, part)| Move::Call(worst, part)),
        1 => Just(Move::GiveBack),
        1 => Just(Move::End),
    ];
    prop::collection::vec((0..3_usize, one), 0..60)
}

proptest! {
    /// Whatever runs do: no more is spent than there is, and all that is held is held by somebody.
    #[test]
    fn what_runs_spend_together_stays_within(limit in 0..300_u64, moves in moves()) {
        let mut budget = shared(limit);
        let mut runs: Vec<(Share, u64)> = vec![(Share::none(Payer::Tenant, NOTHING), 0); 3];
        let mut all = 0;
        for (who, what) in moves {
            let Some((share, used)) = runs.get_mut(who) else { continue };
            match what {
                Move::Call(worst, part) => {
                    let fits = budget.until(share).overrun(&tokens(*used), &tokens(worst)).is_none()
                        || drawn(&mut budget, share, *used, *used + worst).is_ok();
                    if fits {
                        let taken = worst * part / 100;
                        *used += taken;
                        all += taken;
                    } else {
                        prop_assert!(all + worst > limit || !budget.held.is_nothing());
                    }
                }
                Move::GiveBack => budget.give_back(share, (tokens(*used), tokens(*used))),
                Move::End => {
                    let mut share = std::mem::replace(share, Share::none(Payer::Tenant, NOTHING)).ended(tokens(*used));
                    *used = 0;
                    budget.close(&mut share);
                }
            }
            prop_assert!(all <= limit);
            let held: u64 = runs.iter().map(|(share, _)| share.held().tokens).sum();
            prop_assert_eq!(budget.held.tokens, held);
            prop_assert!(budget.spent.tokens + held <= limit);
        }
        for (share, used) in runs {
            budget.close(&mut share.ended(tokens(used)));
        }
        prop_assert_eq!((budget.spent.tokens, budget.held.tokens), (all, 0));
    }
}
