//! The one place where Rust is made of `wit/`.

wasmtime::component::bindgen!({
    path: [
        "../../wit/state",
        "../../wit/pubsub",
        "../../wit/invoke",
        "../../wit/bindings",
        "../../wit/jobs",
        "../../wit/host",
        "../../wit/test",
    ],
    inline: "
        package mecha:runtime;
        world all {
            include mecha:state/imports@0.1.0;
            include mecha:pubsub/imports@0.1.0;
            include mecha:invoke/imports@0.1.0;
            include mecha:bindings/imports@0.1.0;
            include mecha:jobs/imports@0.1.0;
            include mecha:host/imports@0.1.0;
            include mecha:test/imports@0.1.0;
            export mecha:pubsub/handler@0.1.0;
            export mecha:pubsub/batch-handler@0.1.0;
            export mecha:invoke/handler@0.1.0;
            export mecha:bindings/input-handler@0.1.0;
            export mecha:jobs/handler@0.1.0;
            export mecha:test/suite@0.1.0;
        }
    ",
    world: "mecha:runtime/all",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "mecha:state/types.store": crate::imports::state::Handle,
        "mecha:pubsub/types.topic": crate::imports::pubsub::Handle,
        "mecha:invoke/types.target": crate::imports::invoke::Handle,
        "mecha:bindings/types.output": crate::imports::bindings::Handle,
    },
    require_store_data_send: true,
});
