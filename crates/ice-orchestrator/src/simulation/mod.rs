//! Runs under simulation: the same `decide` and `apply` as in the engine, under a virtual clock, with a
//! scripted world and every order of events open to choice.
//!
//! A [`Simulation`] drives one run. At each step it lists all that could happen next (an attempt ends, time
//! passes, a commit lands, the process ends, somebody cancels or decides about a node in doubt) and a
//! [`Choices`] picks one: [`Random`] by a seed, [`Paths`] every sequence in turn. After each step it checks what must
//! always hold and reports a [`Violation`] with the way that led there. There is no clock, thread or disk in
//! here, so a seed gives the same run again.
//!
//! ```
//! use ice_core::blueprint::{Format, read};
//! use ice_core::registry::Registry;
//! use ice_core::value::Value;
//! use ice_orchestrator::journal::RunOptions;
//! use ice_orchestrator::simulation::{Call, Faults, Random, Reply, Simulation};
//!
//! let yaml = "nodes: [{id: n, type: condition, expression: 'inputs.go'}]";
//! let registry = Registry::default();
//! let checked = read(yaml, Format::Yaml, "example").check(&registry.catalog(ice_orchestrator::executable_kinds()));
//! let plan = ice_orchestrator::workflow::compile(&checked.unwrap(), &registry).unwrap();
//! let inputs = Value::map([("go", Value::from(true))]);
//! let world = |call: &Call<'_>| Reply::give(call.path.as_str());
//! let mut choices = Random::new(7);
//! let simulation = Simulation::new(&plan, inputs, RunOptions::default(), world, &mut choices);
//! let finished = simulation.faults(Faults { crashes: 2, ..Faults::default() }).run().unwrap();
//! assert_eq!(finished.output.get("n").unwrap().get("branch"), Some(&Value::from("true")));
//! ```

mod attempts;
mod checks;
mod choices;
mod event;
mod funding;
mod journal;
mod moving;
mod people;
mod possible;
mod run;
mod standing;
mod violation;
mod world;

pub use choices::{Choices, Paths, Random};
pub use run::{Faults, Finished, Simulation};
pub use violation::Violation;
pub use world::{Act, Call, Reply, Step, World};
