# pyright: basic
# AutoGluon ships no types that can be relied on.
"""AutoGluon's own network, in a form that any searcher can search."""

from typing import Any, ClassVar

from autogluon.core.hpo.constants import CUSTOM_BACKEND
from autogluon.tabular.models.tabular_nn.torch.tabular_nn_torch import TabularNeuralNetTorchModel

__all__ = ["TorchModel"]


class TorchModel(TabularNeuralNetTorchModel):
    """AutoGluon's NN_TORCH, whose hyperparameters `NASSearcher` can search; needs PyTorch.

    AutoGluon itself searches it under Ray alone, where a searcher must be one of its own. Of its
    hyperparameters only those are searched that are given open.

    Example:
        `{TorchModel: {"num_layers": space.Int(1, 5), "ag_args": {"hyperparameter_tune_kwargs":
        {"scheduler": "local", "searcher": NASSearcher(), "num_trials": 20}}}}`
    """

    ag_key = "NASBRIDGE_TORCH"
    ag_name = "TorchModel"
    # see KerasModel: a process for each fold takes longer than a small network
    _default_ag_args_ensemble_extra: ClassVar = {"fold_fitting_strategy": "sequential_local"}

    def _get_hpo_backend(self) -> str:
        return str(CUSTOM_BACKEND)

    def _get_default_searchspace(self) -> dict[str, Any]:
        return {}  # it would join what the user wants to search, unasked
