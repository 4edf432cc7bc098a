//! A model small enough to be made here, for what files may hold and how answers end.

mod answers;
mod files;
mod kit;
mod loads;
mod real;
mod texts;
