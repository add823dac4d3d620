# SYSU 3D HOI, setting 1: of each activity half of the samples train, the other half test; the
# first of 30 random divisions.
_base_ = './sysu_xsub.py'

train_dataloader = dict(dataset=dict(split='same_00_train'))
val_dataloader = dict(dataset=dict(split='same_00_val'))
test_dataloader = val_dataloader
