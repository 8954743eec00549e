// SPDX-License-Identifier: Apache-2.0
// blindbox._native: the C++ library as the Python package sees it. Nothing here is public; blindbox/_channel.py is its only
// caller for servers. Waiting releases the interpreter's lock and heeds signals.
#include <poll.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <cerrno>

#include "blindbox/policy/starting_point.h"
#include "blindbox/verifier/catalogue.h"
#include "blindbox/verifier/report_text.h"
#include "judge.h"

namespace py = pybind11;

namespace blindbox::python {
namespace {

using net::Duration;

// What came from a server need not be UTF-8.
py::str text(std::string_view bytes) {
  PyObject* const made = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

py::bytes raw(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

py::object json_of(const std::optional<verifier::Verdict>& verdict) {
  if (!verdict) return py::none();
  return text(verifier::render_json(*verdict));
}

// _native.Error(kind, what, detail, hint)
[[noreturn]] void raise(const Error& error) {
  const py::object type = py::module_::import("blindbox._native").attr("Error");
  const py::object value =
      type(text(base::kind_name(error.kind)), text(error.what), text(error.detail), text(error.hint));
  PyErr_SetObject(type.ptr(), value.ptr());
  throw py::error_already_set();
}

template <typename T>
T unwrap(Result<T> result) {
  if (!result) raise(result.error());
  return std::move(*result);
}

// The last hold of a loop waits for its thread; other Python threads go on meanwhile.
template <typename T>
class Held {
 public:
  explicit Held(std::shared_ptr<T> object) : object_(std::move(object)) {}
  Held(Held&&) noexcept = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (!object_) return;
    const py::gil_scoped_release release;
    object_.reset();
  }
  T* operator->() const { return object_.get(); }

 private:
  std::shared_ptr<T> object_;
};
using PySession = Held<session::Session>;
using PyExchange = Held<session::Exchange>;

// poll() without the interpreter's lock. No guard object: a thread that wants the lock back when the interpreter has
// begun to end is unwound, which may not happen in a destructor.
int wait_for(pollfd& ready, int limit) {
  PyThreadState* const state = PyEval_SaveThread();
  const int got = ::poll(&ready, 1, limit);
  const int reason = errno;
  PyEval_RestoreThread(state);
  errno = reason;
  return got;
}

// Until the step has ended. An exception of a signal's handler (KeyboardInterrupt) cancels the exchange.
void wait(const PyExchange& exchange) {
  // Handlers run on the main thread alone. A signal that comes between the look at it and poll() is seen at the next look.
  const int look = ::getpid() == ::gettid() ? 100 : -1;  // ms
  pollfd ready{exchange->fd(), POLLIN, 0};
  while (ready.fd >= 0) {
    const int got = wait_for(ready, look);
    if (got > 0 || (got < 0 && errno != EINTR)) return;
    if (PyErr_CheckSignals() != 0) {
      exchange->cancel();
      throw py::error_already_set();
    }
  }
}

py::object outcome(const PyExchange& exchange) {
  auto taken = exchange->take();
  if (!taken) return py::none();
  return py::cast(std::move(*taken));
}

py::list fields_of(const http::Fields& fields) {
  py::list out;
  for (const auto& [name, value] : fields) out.append(py::make_tuple(raw(name), raw(value)));
  return out;
}

PyExchange open(const PySession& session, const std::string& method, const std::string& target,
                const std::vector<std::pair<py::bytes, py::bytes>>& fields, const py::bytes& body,
                const py::object& length, bool chunked, bool more, std::array<std::int64_t, 3> limits) {
  session::Request request;
  request.method = method;
  request.target = target;
  for (const auto& [name, value] : fields) request.fields.emplace_back(std::string(name), std::string(value));
  request.body = std::string(body);
  request.more = more;
  if (!length.is_none()) request.framing = {http::Framing::Kind::length, length.cast<std::uint64_t>()};
  if (chunked) request.framing = {http::Framing::Kind::chunked, 0};
  request.limits = {Duration(limits[0]), Duration(limits[1]), Duration(limits[2])};
  return PyExchange(unwrap(session->open(std::move(request))));
}

PySession make_session(const std::string& host, std::uint16_t port, const policy::Policy& policy,
                       session::Endorsements endorsements, std::size_t keep, std::int64_t attest_every,
                       std::int64_t verdict_lifetime) {
  session::Options options;
  options.server = {host, port};
  options.policy = policy;
  options.endorsements = std::move(endorsements);
  options.keep = keep;
  options.attest_every = Duration(attest_every);
  options.verdict_lifetime = Duration(verdict_lifetime);
  return PySession(unwrap(session::Session::make(std::move(options))));
}

// What the client of 2023 meant by a container policy: the utility VM is Microsoft's, and HOST_DATA is this digest.
policy::Policy container_policy(const std::string& sha256) {
  policy::Policy out = policy::starting_point(policy::Platform::azure_aci);
  ByteArray<32> digest{};
  if (sha256.size() != digest.size()) raise({ErrorKind::usage, "a SHA-256 digest has 32 bytes", "", ""});
  std::ranges::copy(base::view(sha256), digest.begin());
  out.sev_snp.host_data = {{digest}};
  out.manifest.model_sha256.reset();  // whoever wrote it knew of no model
  return out;
}

session::Failure before_any_step(const Error& error) { return {error, session::Phase::connect}; }

py::tuple judge(const std::vector<std::string>& sources, const policy::Policy& policy, const py::object& at,
                const std::optional<std::string>& report_data, session::Endorsements endorsements) {
  FilesToJudge files;
  files.sources = sources;
  files.at = at.is_none() ? base::now() : unwrap(base::parse_time(at.cast<std::string>()));
  if (report_data) files.report_data = base::to_bytes(base::view(*report_data));
  files.endorsements = std::move(endorsements);
  Judged judged;
  {
    const py::gil_scoped_release release;
    judged = judge_files(files, policy);
  }
  const py::object failure = judged.error ? py::cast(before_any_step(*judged.error)) : py::none();
  return py::make_tuple(json_of(judged.verdict), failure, judged.notes);
}

void add_values(py::module_& module) {
  py::class_<policy::Policy>(module, "Policy")
      .def_static("parse", [](const std::string& yaml,
                              const std::string& name) { return unwrap(policy::parse_policy(yaml, name)); })
      .def_static("safe_defaults", &policy::safe_defaults)
      .def_static("container_policy", [](const py::bytes& sha256) { return container_policy(std::string(sha256)); })
      .def("yaml", [](const policy::Policy& policy) { return text(policy::write_policy(policy)); })
      .def_property_readonly("for_channel", [](const policy::Policy& policy) { return !policy.no_expected_software; });
  py::class_<session::Endorsements>(module, "Endorsements")
      .def(py::init([](bool offline, std::string kds_url, std::optional<std::string> cache_folder) {
        return session::Endorsements{offline, std::move(kds_url), std::move(cache_folder)};
      }));
  using session::Failure;
  py::class_<Failure>(module, "Failure")
      .def_property_readonly("kind", [](const Failure& f) { return text(base::kind_name(f.error.kind)); })
      .def_property_readonly("what", [](const Failure& f) { return text(f.error.what); })
      .def_property_readonly("detail", [](const Failure& f) { return text(f.error.detail); })
      .def_property_readonly("hint", [](const Failure& f) { return text(f.error.hint); })
      .def_property_readonly("phase", [](const Failure& f) { return text(session::phase_name(f.phase)); })
      .def_readonly("timed_out", &Failure::timed_out)
      .def_readonly("verdict_expired", &Failure::verdict_expired)
      .def_property_readonly("verdict", [](const Failure& f) { return json_of(f.verdict); });
}

void add_exchanges(py::module_& module) {
  using session::Outcome;
  py::class_<Outcome>(module, "Outcome")
      .def_readonly("failure", &Outcome::failure)
      .def_property_readonly("status", [](const Outcome& o) { return o.head ? o.head->status : 0U; })
      .def_property_readonly("reason",
                             [](const Outcome& o) { return text(http::reason(o.head ? o.head->status : 0U)); })
      .def_property_readonly("fields",
                             [](const Outcome& o) { return fields_of(o.head ? o.head->fields : http::Fields{}); })
      .def_property_readonly("piece", [](const Outcome& o) { return raw(o.piece); })
      .def_property_readonly("verdict", [](const Outcome& o) { return json_of(o.verdict); });
  py::class_<PyExchange>(module, "Exchange")
      .def("fileno", [](const PyExchange& exchange) { return exchange->fd(); })
      .def("wait", &wait)
      .def("outcome", &outcome)
      .def("write", [](const PyExchange& exchange, const py::bytes& piece,
                       bool last) { exchange->write(std::string(piece), last); })
      .def("read", [](const PyExchange& exchange) { exchange->read(); })
      .def("cancel", [](const PyExchange& exchange) { exchange->cancel(); });
  py::class_<PySession>(module, "Session")
      .def(py::init(&make_session))
      .def("open", &open)
      .def("attest", [](const PySession& session,
                        std::int64_t limit) { return PyExchange(unwrap(session->attest(Duration(limit)))); })
      .def("latest", [](const PySession& session) { return json_of(session->latest()); })
      .def("stop", [](const PySession& session) {
        const py::gil_scoped_release release;
        session->stop();
      });
}

}  // namespace
}  // namespace blindbox::python

PYBIND11_MODULE(_native, module) {
  using namespace blindbox::python;
  module.attr("version") = BLINDBOX_VERSION;
  module.attr("Error") =
      py::reinterpret_steal<py::object>(PyErr_NewException("blindbox._native.Error", nullptr, nullptr));
  add_values(module);
  add_exchanges(module);
  module.def("judge", &judge);
  module.def("check_ids", [] {
    py::list ids;
    for (const auto& entry : blindbox::verifier::catalogue()) ids.append(py::str(std::string(entry.id)));
    return ids;
  });
}
