//! Knows what things cost. It is called through an interface of its own, and no other.

use mecha_guest::{
    json,
    state::{self, Store},
};

use crate::wit::exports::acme::pricing::quotes::{Guest, Line, Refusal};

#[allow(unsafe_code, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
mod wit {
    wit_bindgen::generate!({ path: "../wit", world: "pricer" });

    // A native linker does not take the symbols' names.
    #[cfg(target_arch = "wasm32")]
    export!(Pricing with_types_in self);
    #[cfg(target_arch = "wasm32")]
    use super::Pricing;
}

struct Pricing;

impl Guest for Pricing {
    fn quote(line: Line) -> Result<u64, Refusal> {
        let price = price(&line.item).map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let each = price.ok_or(Refusal::UnknownItem(line.item))?;
        Ok(u64::from(each) * u64::from(line.quantity))
    }
}

#[cfg(not(target_arch = "wasm32"))]
const _: fn(Line) -> Result<u64, Refusal> = <Pricing as Guest>::quote;

/// What is in the store, else what is in the price list that the component is built with.
fn price(item: &str) -> Result<Option<u32>, state::Error> {
    let set: Option<u32> = Store::open("prices")?.get_json(item)?;
    Ok(set.or_else(|| listed(item)))
}

fn listed(item: &str) -> Option<u32> {
    let list: json::Map<String, json::Value> = json::from_str(include_str!("prices.json")).ok()?;
    list.get(item)?.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_list_can_be_read() {
        assert_eq!(listed("tea"), Some(350));
        assert_eq!(listed("unknown"), None);
    }
}
