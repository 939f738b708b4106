//! The terminal workbench: model, action, update, view.
