//! The one place where Rust is made of `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit/state",
    world: "mecha:state/imports",
    imports: { default: async | trappable },
    with: { "mecha:state/types.store": crate::imports::state::Handle },
    require_store_data_send: true,
});
