//! The router begins anew when another daemon has had the database.
//!
//! Which events there are, in which order, and who waits for whom is then what that one has left in the store. Whatever still
//! runs cannot write any more what it goes on from, and ends by itself; then all is read as at a start.

use super::actor::{DRAIN_TICK, Router, State};
use actix::prelude::*;

impl Router {
    /// Knows nothing, and reads what is unfinished in the store.
    pub(super) fn begin(&mut self, ctx: &mut Context<Self>) {
        self.state = State { idle: (0..self.workers.len()).rev().collect(), ..State::default() };
        self.load(ctx);
    }

    /// Notes in which tenure all is read from now on, and waits for its end.
    pub(super) fn watch_tenure(&mut self, ctx: &mut Context<Self>) {
        let store = &self.executor.store;
        let tenure = store.tenure();
        let is_over = store.superseded(tenure);
        self.state.tenure = Some(tenure);
        ctx.spawn(is_over.into_actor(self).map(|(), this, ctx| {
            this.state.superseded = true;
            this.begin_when_quiet(ctx);
        }));
    }

    /// Begins anew once nothing is under way that would come back to what is known now.
    fn begin_when_quiet(&mut self, ctx: &mut Context<Self>) {
        let state = &self.state;
        if state.draining {
            return;
        }
        if state.under_way.is_empty() && !state.reading && !state.loading {
            tracing::info!("unfinished events are read anew");
            return self.begin(ctx);
        }
        ctx.run_later(DRAIN_TICK, Self::begin_when_quiet);
    }
}
