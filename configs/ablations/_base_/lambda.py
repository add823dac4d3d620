# The weights of alignment (lambda_1) and refinement (lambda_2) in the loss, Eq. 10; Table 6 of
# the paper. Children name `config`, a co-learning configuration, and add the skeleton alone.
title = 'Weights of the co-learning losses'
weights = dict(
    refinement='model.co_learning.loss.refinement_weight',
    alignment='model.co_learning.loss.alignment_weight',
)
reference = 'skeleton'
variants = {
    f'align{a}_refine{r}': dict(
        title=f'λ1 = {a}, λ2 = {r}',
        options={weights['alignment']: a, weights['refinement']: r},
    )
    for a in (0.1, 0.2, 0.5)
    for r in (0.1, 0.2, 0.5)
}
