//! `[[pool]]`: servers that stand alone and serve the same users.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::check::unknown_server;
use super::draft::Draft;
use super::read::{At, Fields, Sink, Span};
use super::sections::{ids, name};
use super::{Code, Mistake, hint};
use crate::{Pool, PoolId, Product, Role, ServerId};

pub(super) const POOL: &[&str] = &["name", "servers", "state", "out", "in"];

/// A `[[pool]]`.
#[derive(Debug)]
pub(super) struct PoolDraft {
    pub name: Option<At<PoolId>>,
    pub servers: Vec<At<ServerId>>,
    /// Where the list of servers is, and how many were written, readable or not.
    pub written: Option<At<usize>>,
    pub state: Option<String>,
    pub out: Option<String>,
    pub r#in: Option<String>,
}

impl PoolDraft {
    pub(super) fn finish(self) -> Option<(PoolId, Pool)> {
        let servers = self.servers.into_iter().map(|server| server.value).collect();
        Some((self.name?.value, Pool { servers, state: self.state?, out: self.out, r#in: self.r#in }))
    }
}

pub(super) fn pool<'a>(value: &'a Spanned<DeValue<'a>>, sink: &mut Sink) -> Option<PoolDraft> {
    let fields = Fields::open(value, "pool", POOL, sink)?;
    fields.need("servers", "[\"FE1\", \"FE2\"]", sink);
    fields.need("state", "'C:\\balancer\\state.cmd'", sink);
    let done = "an empty command changes nothing: write one, or leave the key out and a person does it";
    Some(PoolDraft {
        name: name(&fields, "\"owa\"", sink),
        servers: ids(&fields, "servers", sink),
        written: fields.written("servers"),
        state: fields.unless_empty(
            "state",
            Code::InvalidText,
            "an empty command says nothing: write one",
            sink,
        ),
        out: fields.unless_empty("out", Code::InvalidText, done, sink),
        r#in: fields.unless_empty("in", Code::InvalidText, done, sink),
    })
}

/// What no single pool can show: each server is one that can be balanced, and in one pool at most.
pub(super) fn check(draft: &Draft, clustered: impl Fn(&ServerId) -> bool, sink: &mut Sink) {
    let mut homes: BTreeMap<&ServerId, (usize, &Span)> = BTreeMap::new();
    for (place, pool) in draft.pools.iter().enumerate() {
        size(pool, sink);
        let mut leader = None;
        for server in &pool.servers {
            match homes.get(&server.value) {
                Some((home, earlier)) => twice(server, *home == place, earlier, sink),
                None => {
                    homes.insert(&server.value, (place, &server.span));
                    if fits(server, clustered(&server.value), draft, sink) {
                        product(server, &mut leader, draft, sink);
                    }
                }
            }
        }
    }
}

fn size(pool: &PoolDraft, sink: &mut Sink) {
    let Some(written) = pool.written.as_ref().filter(|written| written.value < 2 && !sink.unread()) else {
        return;
    };
    let message = match written.value {
        0 => "a pool without servers serves nobody",
        _ => "a pool of one server has no other to serve its users",
    };
    let help = "name two servers or more in `servers`; a server by itself needs no pool";
    sink.say(Mistake::new(Code::TooFewNodes, message, help).at(&written.span, "too few"));
}

fn twice(server: &At<ServerId>, same: bool, earlier: &Span, sink: &mut Sink) {
    let id = hint::quoted(server.value.as_str());
    let mistake = match same {
        true => Mistake::new(
            Code::NodeTwice,
            format!("{id} is named twice in the pool"),
            "name each server of a pool once",
        ),
        false => {
            let help = "a server is in one pool at most: take it out of one of the two lists";
            Mistake::new(Code::ServerInTwoPools, format!("{id} is in two pools"), help)
        }
    };
    sink.say(mistake.at(&server.span, "again").at(earlier, "first here"));
}

/// A server of another product than the first of its pool, which is `leader`: each has releases of its own, and so the
/// pool could never be upgraded as one.
fn product<'a>(
    server: &'a At<ServerId>,
    leader: &mut Option<(&'a ServerId, &'a At<Product>)>,
    draft: &'a Draft,
    sink: &mut Sink,
) {
    let Some(product) = draft.server(&server.value).and_then(|server| server.product.as_ref()) else {
        return;
    };
    let (first, of) = leader.get_or_insert((&server.value, product));
    if of.value == product.value {
        return;
    }
    let (id, first) = (hint::quoted(server.value.as_str()), hint::quoted(first.as_str()));
    let message = format!("{id} runs {}, and {first} of the same pool {}", product.value, of.value);
    let help = "a pool is of one product: give each product a pool of its own";
    let mistake = Mistake::new(Code::PoolDoesNotFit, message, help).at(&server.span, "another product");
    sink.say(mistake.at(&product.span, "this one").at(&of.span, "and that one"));
}

/// Whether a server can be in a pool; what hinders it is said.
fn fits(server: &At<ServerId>, clustered: bool, draft: &Draft, sink: &mut Sink) -> bool {
    let id = hint::quoted(server.value.as_str());
    let Some(found) = draft.server(&server.value) else {
        unknown_server(server, "servers", draft, sink);
        return false;
    };
    let product = found.product.as_ref().map(|product| product.value);
    let front_end = found.roles.iter().any(|role| role.value == Role::FrontEnd);
    let (message, help) = if clustered {
        (
            format!("{id} is a node of a cluster"),
            "a pool is of servers that stand alone: take it out of one of the two lists",
        )
    } else if product.is_some_and(|product| !Product::is_exchange(product)) {
        (
            format!("{id} isn't a server of Exchange"),
            "only front-end servers of Exchange are balanced: take it out of `servers`",
        )
    } else if product.is_some() && !front_end && found.roles_known {
        (
            format!("{id} isn't a front-end server"),
            "write roles = [\"front-end\"] in its [[server]], or take it out of `servers`",
        )
    } else {
        return true;
    };
    sink.say(Mistake::new(Code::PoolDoesNotFit, message, help).at(&server.span, "not in a pool"));
    false
}
