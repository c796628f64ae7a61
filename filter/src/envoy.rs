//! The proxy-wasm side: entry points and the one place that calls host functions. The SDK's own wrappers panic on any status that they do not
//! list, and its getters unwrap; here every status but Ok is "nothing".

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use crate::host::{Host, Kind, MetricId};
use crate::root::Serving;
use crate::stream::Stream;
use crate::vm::Vm;

proxy_wasm::main! {{
    // One line on stderr, which Envoy logs, instead of a message with a backtrace that nobody could read.
    std::panic::set_hook(Box::new(|panic| Envoy.log_error(&format!("weir: defect: {panic}"))));
    proxy_wasm::set_root_context(|_| Box::new(Root { serving: None }));
}}

thread_local! {
    static VM: RefCell<Vm> = RefCell::default();
}

struct Root {
    serving: Option<Rc<Serving>>,
}

/// Until the first tick, which tells the generation; then there are no more.
const FIRST_TICK_MS: u32 = 50;

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let serving = VM.with(|vm| match vm.try_borrow_mut() {
            Ok(mut vm) => Serving::configure(&mut vm, &Envoy),
            Err(_) => None,
        });
        let Some(serving) = serving else { return false };
        self.serving = Some(Rc::new(serving));
        Envoy.tick_every(FIRST_TICK_MS);
        true
    }

    fn on_tick(&mut self) {
        if let Some(serving) = &self.serving {
            serving.announce(&Envoy);
        }
        Envoy.tick_every(0);
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        // A root may not decline: without a configuration (which Envoy does not let happen) the request passes untouched.
        Some(Box::new(Http { stream: self.serving.clone().map(Stream::new) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Http {
    stream: Option<Stream>,
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        #[cfg(feature = "trap")]
        if Envoy.request_header("x-weir-test-trap").is_some() {
            std::process::abort();
        }
        if let Some(stream) = &mut self.stream {
            stream.on_request(&Envoy);
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        if let Some(stream) = &mut self.stream {
            stream.on_response(&Envoy);
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.on_end(&Envoy);
        }
    }
}

/// Proxy-Wasm ABI 0.2.1 as Envoy implements it.
struct Envoy;

// Statuses, maps and buffers are plain numbers here: a host may answer with a status that an enum of ours would not have.
const OK: u32 = 0;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;
const LOG_ERROR: u32 = 4;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, length: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, most: usize, data: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        key: *const u8,
        key_length: usize,
        data: *mut *mut u8,
        length: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_length: usize,
        value: *const u8,
        length: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_length: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_length: usize, data: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, length: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

/// Takes over a buffer that the host has allocated with our allocator for its answer.
fn answer(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let mut data = std::ptr::null_mut();
    let mut length = 0;
    if call(&raw mut data, &raw mut length) != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: on Ok the host has put there a buffer of `length` bytes that it got from `proxy_on_memory_allocate`, a boxed slice of that length.
    Some(unsafe { Vec::from_raw_parts(data, length, length) })
}

fn header(map: u32, name: &str) -> Option<Vec<u8>> {
    // SAFETY: the name outlives the call, and the out pointers are valid for it.
    answer(|data, length| unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, length) })
}

/// A call that only does something. What the host would not do can't be helped, and must not stop the request.
const fn done(_status: u32) {}

impl Host for Envoy {
    fn configuration(&self) -> Option<Vec<u8>> {
        // SAFETY: the out pointers are valid for the call, here and below.
        answer(|data, length| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX, data, length) })
    }

    fn request_header(&self, name: &str) -> Option<Vec<u8>> {
        header(REQUEST_HEADERS, name)
    }

    fn response_header(&self, name: &str) -> Option<Vec<u8>> {
        header(RESPONSE_HEADERS, name)
    }

    fn set_request_header(&self, name: &str, value: &str) {
        // SAFETY: name and value outlive the call.
        done(unsafe {
            proxy_replace_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        });
    }

    fn remove_request_header(&self, name: &str) {
        // SAFETY: the name outlives the call.
        done(unsafe { proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) });
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        // SAFETY: the path outlives the call.
        answer(|data, length| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, length) })
    }

    fn define(&self, kind: Kind, name: &str) -> Option<MetricId> {
        let kind = match kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Histogram => 2,
        };
        let mut id = 0;
        // SAFETY: the name outlives the call.
        (unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) } == OK).then_some(MetricId(id))
    }

    fn add(&self, metric: MetricId, count: u64) {
        // Envoy refuses to add nothing to a counter.
        if let Some(count) = i64::try_from(count).ok().filter(|count| *count > 0) {
            // SAFETY: no pointers. An unknown number is an error status, which can't be helped here.
            done(unsafe { proxy_increment_metric(metric.0, count) });
        }
    }

    fn record(&self, metric: MetricId, value: u64) {
        // SAFETY: no pointers.
        done(unsafe { proxy_record_metric(metric.0, value) });
    }

    fn now_ms(&self) -> u64 {
        let mut nanoseconds = 0;
        // SAFETY: the out pointer is valid for the call.
        done(unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) });
        nanoseconds / 1_000_000
    }

    fn tick_every(&self, milliseconds: u32) {
        // SAFETY: no pointers.
        done(unsafe { proxy_set_tick_period_milliseconds(milliseconds) });
    }

    fn log_error(&self, message: &str) {
        // SAFETY: the message outlives the call.
        done(unsafe { proxy_log(LOG_ERROR, message.as_ptr(), message.len()) });
    }
}
