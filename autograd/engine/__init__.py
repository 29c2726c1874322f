"""The engine: nodes of the graph, clock and modes of recording, topological sort, chain rule, copies, and `Value`."""

from autograd.engine import clock as clock
from autograd.engine import modes as modes
from autograd.engine.accumulators import Accumulator as Accumulator
from autograd.engine.accumulators import Accumulators as Accumulators
from autograd.engine.accumulators import Sum as Sum
from autograd.engine.chain import Edge as Edge
from autograd.engine.chain import accumulate as accumulate
from autograd.engine.chain import check_unchanged as check_unchanged
from autograd.engine.chain import dependents as dependents
from autograd.engine.chain import edges as edges
from autograd.engine.chain import topological_order as topological_order
from autograd.engine.chain import transposed as transposed
from autograd.engine.clock import Stamp as Stamp
from autograd.engine.clock import in_scope as in_scope
from autograd.engine.clock import scope as scope
from autograd.engine.collector import collector_paused as collector_paused
from autograd.engine.guards import move_guards as move_guards
from autograd.engine.node import UNREACHED as UNREACHED
from autograd.engine.node import Node as Node
from autograd.engine.node import Origin as Origin
from autograd.engine.value import Constant as Constant
from autograd.engine.value import Number as Number
from autograd.engine.value import Value as Value
from autograd.engine.value import shown_in_notebooks_by as shown_in_notebooks_by
from autograd.engine.value import unrecorded as unrecorded
