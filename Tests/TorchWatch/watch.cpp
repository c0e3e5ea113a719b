#include "TorchWatch.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <string>
#include <string_view>

namespace {

struct Watch {
    void (*seen)(void *, const char *, const char *);
    void *context;
    at::CallbackHandle handle;
    // Operations that run within each other.
    int depth;
};
thread_local Watch watch{};

void add(const at::Tensor &tensor, std::string &types) {
    if (!tensor.defined() || !tensor.is_floating_point()) return;
    // A number, which takes the type of the tensor beside it.
    if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) return;
    if (!types.empty()) types += ' ';
    types += c10::toString(tensor.scalar_type());
}

// The steps of automatic differentiation are told of too, without their arguments.
bool isOperation(const at::RecordFunction &function) {
    return std::string_view(function.name()).rfind("aten::", 0) == 0;
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &function) {
    if (!isOperation(function) || watch.depth++ > 0) return nullptr;
    std::string types;
    for (const auto &input : function.inputs()) {
        if (input.isTensor()) add(input.toTensor(), types);
        if (!input.isTensorList()) continue;
        for (const at::Tensor &tensor : input.toTensorList()) add(tensor, types);
    }
    watch.seen(watch.context, function.name(), types.c_str());
    return nullptr;
}

void end(const at::RecordFunction &function, at::ObserverContext *) {
    if (isOperation(function)) --watch.depth;
}

} // namespace

void tw_begin(void (*seen)(void *, const char *, const char *), void *context) {
    auto callback = at::RecordFunctionCallback(begin, end).needsInputs(true).scopes({at::RecordScope::FUNCTION});
    watch = {seen, context, 0, 0};
    watch.handle = at::addThreadLocalCallback(callback);
}

void tw_end(void) { at::removeCallback(watch.handle); }
